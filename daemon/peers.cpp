#include "daemon/peers.h"

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <sstream>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/process_identity.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

constexpr const char* broker_name = "org.freedesktop.DBus";
// arg2 is the new owner, empty if a name is released: so only disconnections wake the daemon.
constexpr const char* disconnections =
    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''";

std::uint32_t number(const std::map<std::string, sdbus::Variant>& credentials, const char* key) {
  const auto found = credentials.find(key);
  if (found == credentials.end() || !found->second.containsValueOfType<std::uint32_t>()) {
    throw base::Error(base::ErrorCode::access_denied, base::concat("the bus does not tell the caller's ", key),
                      "connect over a unix socket on this machine");
  }
  return found->second.get<std::uint32_t>();
}

// The process that connected may have ended. A child may still use its connection, and its pid may belong to a process
// of another user. A command must not get that process's limits.
bool belongs_to(pid_t pid, uid_t uid) {
  struct stat facts {};
  const auto folder = base::concat("/proc/", pid);
  if (::stat(folder.c_str(), &facts) != 0) return false;
  if (facts.st_uid == uid) return true;
  // proc(5): the folder belongs to root if others may not look into it, for example after a setuid(2) without exec.
  const auto status = base::try_read_file(folder + "/status");
  const auto uids = status ? base::status_field(*status, "Uid") : std::nullopt;
  if (!uids) return false;
  std::istringstream words{std::string(*uids)};  // real, effective, saved set, file system
  uid_t real = 0, effective = 0;
  return words >> real >> effective && (real == uid || effective == uid);
}

}  // namespace

Peers::Peers(sdbus::IConnection& connection, Left left)
    : left_(std::move(left)), broker_(sdbus::createProxy(connection, broker_name, "/org/freedesktop/DBus")) {
  connection.addMatch(
      disconnections,
      [this](sdbus::Message& message) {
        std::string name;
        message >> name;
        disconnected(name);
      },
      sdbus::floating_slot);
}

PeerPtr Peers::find(const std::string& sender) const {
  const auto found = peers_.find(sender);
  return found == peers_.end() ? nullptr : found->second;
}

void Peers::identify(const std::string& sender, std::function<void(const PeerPtr&)> known,
                     std::function<void(std::exception_ptr)> failed) {
  const auto cached = peers_.find(sender);
  if (cached != peers_.end()) {
    known(cached->second);
    return;
  }
  auto& queue = waiting_[sender];
  queue.push_back({std::move(known), std::move(failed)});
  if (queue.size() == 1) ask(sender);
}

void Peers::ask(const std::string& sender) {
  broker_->callMethodAsync("GetConnectionCredentials")
      .onInterface(broker_name)
      .withArguments(sender)
      .uponReplyInvoke(
          [this, sender](const sdbus::Error* error, const std::map<std::string, sdbus::Variant>& credentials) {
            answered(sender, error, credentials);
          });
}

void Peers::answered(const std::string& sender, const sdbus::Error* error,
                     const std::map<std::string, sdbus::Variant>& credentials) {
  const auto found = waiting_.find(sender);
  if (found == waiting_.end()) return;
  const auto queue = std::move(found->second);
  waiting_.erase(found);
  std::exception_ptr failure;
  PeerPtr peer;
  try {
    if (error != nullptr) {
      throw base::Error(base::ErrorCode::access_denied,
                        base::concat("asking the bus who the caller is: ", error->getMessage()));
    }
    peer = std::make_shared<Peer>();
    peer->name = sender;
    peer->uid = number(credentials, "UnixUserID");
    // A client in another pid namespace has no pid here.
    if (credentials.count("ProcessID") != 0) peer->pid = static_cast<pid_t>(number(credentials, "ProcessID"));
    if (peer->pid > 0) peer->start_time = base::process_start_time(peer->pid);
    if (peer->pid > 0 && !belongs_to(peer->pid, peer->uid)) peer->start_time.reset();
    peers_.emplace(sender, peer);
  } catch (...) {
    failure = std::current_exception();
  }
  for (const auto& waiting : queue) failure ? waiting.failed(failure) : waiting.known(peer);
}

void Peers::disconnected(const std::string& name) {
  const auto found = peers_.find(name);
  if (found == peers_.end()) return;
  found->second->gone = true;
  peers_.erase(found);
  left_(name);
}

}  // namespace unionroot::daemon
