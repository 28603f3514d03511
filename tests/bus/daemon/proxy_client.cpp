// A client over the generated proxies: proxy_client ADDRESS. Begins a session on the chroot `sid`, finds it, ends it,
// and prints a line for each, with the signals that it saw.
#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "daemon/proxies.h"

namespace {

using Manager = sdbus::ProxyInterfaces<org::unionroot1::Manager_proxy>;

class ManagerClient final : public Manager {
 public:
  explicit ManagerClient(sdbus::IConnection& connection) : Manager(connection, "org.unionroot1", "/org/unionroot1") {
    registerProxy();
  }
  ~ManagerClient() { unregisterProxy(); }
  ManagerClient(const ManagerClient&) = delete;
  ManagerClient& operator=(const ManagerClient&) = delete;

  // Signals come when they come. False after two minutes.
  bool wait_until_removed(const std::string& session) {
    std::unique_lock guard(mutex_);
    return changed_.wait_for(guard, std::chrono::minutes(2), [&] { return removed_.count(session) != 0; });
  }

 private:
  void onSessionNew(const std::string& session, const sdbus::ObjectPath&) override { say("new", session); }
  void onSessionRemoved(const std::string& session, const sdbus::ObjectPath&) override {
    say("removed", session);
    const std::lock_guard guard(mutex_);
    removed_.insert(session);
    changed_.notify_all();
  }
  void onChrootNew(const std::string& chroot, const sdbus::ObjectPath&) override { say("chroot new", chroot); }
  void onChrootRemoved(const std::string& chroot, const sdbus::ObjectPath&) override { say("chroot removed", chroot); }
  void onEvent(const std::map<std::string, sdbus::Variant>&) override {}  // it is not subscribed
  void onProgress(const uint32_t& call, const std::string& session, const std::string& what, const uint64_t& done,
                  const uint64_t& total) override {
    std::printf("progress %u %s %s %llu %llu\n", call, session.c_str(), what.c_str(),
                static_cast<unsigned long long>(done), static_cast<unsigned long long>(total));
  }
  static void say(const char* what, const std::string& name) {
    std::printf("signal %s %s\n", what, name.c_str());
    std::fflush(stdout);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> removed_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    const auto connection = sdbus::createSessionBusConnectionWithAddress(argv[1]);
    ManagerClient manager(*connection);
    connection->enterEventLoopAsync();
    std::printf("version %s\n", manager.Version().c_str());
    const auto [session, path] = manager.Begin(argv[2], {});
    std::printf("begun %s %s\n", session.c_str(), path.c_str());
    std::printf("kind %s\n", manager.Info("session:" + session).at("kind").get<std::string>().c_str());
    std::printf("left %zu\n", manager.End(session, {{"progress", sdbus::Variant(std::uint32_t{9})}}).size());
    try {
      manager.Location(session);
    } catch (const sdbus::Error& error) {
      std::printf("error %s\n", error.getName().c_str());
    }
    std::fflush(stdout);
    const bool heard = manager.wait_until_removed(session);
    connection->leaveEventLoop();
    return heard ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
