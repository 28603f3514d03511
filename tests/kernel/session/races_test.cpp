// Real sessions, and two threads that do something with one at the same time. The tree holds one program, the helper:
// without what the daemon hands it, it ends at once with a status that is not 0.
#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fault_delay.h"
#include "base/ids.h"
#include "base/text.h"
#include "copy_file.h"
#include "launch/control.h"
#include "launch/launcher.h"
#include "session/manager.h"
#include "skip.h"

namespace {

using namespace unionroot;
using namespace std::chrono_literals;
using session::Manager;

// Folders of its own. What a failed test leaves mounted keeps them.
struct Place {
  std::string path = "/var/tmp/unionroot-test-" + base::random_token();
  Place() {
    tests::require_root("for real mounts");
    for (const char* folder : {"/etc", "/state", "/run", "/tree"}) boost::filesystem::create_directories(path + folder);
    tests::copy_file(HELPER, path + "/tree/program");
  }
  ~Place() {
    boost::system::error_code left;
    boost::filesystem::remove(path + "/run", left);  // empty, unless something is mounted beneath
    if (!left) boost::filesystem::remove_all(path, left);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  [[nodiscard]] definition::Settings settings() const {
    definition::Settings settings;
    settings.config_directory = path + "/etc";
    settings.state_directory = path + "/state";
    settings.runtime_directory = path + "/run";
    settings.helper = HELPER;
    return settings;
  }
  [[nodiscard]] definition::DefinitionPtr definition() const {
    auto definition = std::make_shared<definition::Definition>();
    definition->name = "races";
    definition->type = "directory";
    definition->source = definition::DirectorySource{path + "/tree", false};
    definition->union_.type = definition::UnionType::overlay;
    definition->source_clone = true;
    return definition;
  }
};

session::Caller caller() { return {0, "root", ::getpid(), {}}; }

session::BeginRequest begin_request(const Place& place, bool source) {
  session::BeginRequest request;
  request.definition = place.definition();
  request.selected_name = "races";
  request.source = source;
  request.owner = caller();
  return request;
}

session::Started run_program(Manager& manager, const std::string& session) {
  const base::UniqueFd nothing(base::check(::open("/dev/null", O_RDWR | O_CLOEXEC), "opening", "/dev/null"));
  session::RunRequest request;
  request.session = session;
  request.command = {"/program"};
  request.caller = caller();
  for (int& descriptor : request.standard) descriptor = nothing.get();
  return manager.run(request);
}

// Until the supervisor has closed its end, as a client does.
void wait_for_end(const base::UniqueFd& control) {
  char message[64];
  while (::recv(control.get(), message, sizeof message, 0) > 0) continue;
}

#ifdef UNIONROOT_FAULT_POINTS
void wait_for_message(const base::UniqueFd& control, launch::control::Type type) {
  launch::control::Message message{};
  do REQUIRE(::recv(control.get(), &message, sizeof message, 0) > 0);
  while (message.type != type);
}
#endif

// Does as the daemon does: tells the manager of each run that has ended, from a thread of its own.
class Watch {
 public:
  explicit Watch(Manager*& manager) : manager_(manager) {}
  ~Watch() { join(); }
  void add(const session::StartedRun& started) {
    const std::lock_guard guard(mutex_);
    const auto own = [](int descriptor) {
      return base::UniqueFd(base::check(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3), "duplicating a descriptor"));
    };
    threads_.emplace_back([this, run = started.id, pidfd = own(started.pidfd), end = own(started.end)] {
      pollfd ended{pidfd.get(), POLLIN, 0};
      while (::poll(&ended, 1, -1) < 1) continue;
      launch::reap(pidfd.get());
      manager_->run_ended(run, launch::read_end(end.get()));
    });
  }
  void join() {
    std::vector<std::thread> threads;
    {
      const std::lock_guard guard(mutex_);
      threads.swap(threads_);
    }
    for (auto& thread : threads) thread.join();
  }

 private:
  Manager*& manager_;
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

// Ends what there still is, in a test that failed too: sessions, those who watch runs, mounts.
class Ending {
 public:
  Ending(Manager& manager, Watch* watch) : manager_(manager), watch_(watch) {}
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;
  ~Ending() {
    try {
      for (const auto& view : manager_.sessions()) manager_.end(session::SessionId(view.record), {.force = true});
      if (watch_ != nullptr) watch_->join();
      manager_.stop(false);
    } catch (const base::Error& error) {
      UNSCOPED_INFO(error.what());
    }
  }

 private:
  Manager& manager_;
  Watch* watch_;
};

// A manager that serves, as in the daemon.
struct Served {
  Served() : manager(place.settings(), watched()) {
    known = &manager;
    manager.reconcile();
  }
  session::Events watched() {
    session::Events events;
    events.run_started = [this](const session::StartedRun& run) { watch.add(run); };
    return events;
  }

  const Place place;
  Manager* known = nullptr;
  Watch watch{known};
  Manager manager;
  const Ending ending{manager, &watch};
};

}  // namespace

TEST_CASE("A command is run in a session that is active, though its begin has not returned yet", "[session]") {
  const Place place;
  Manager* known = nullptr;
  Watch watch(known);
  std::thread early;
  bool asked = false;
  std::string refused;
  session::Events events;
  events.run_started = [&](const session::StartedRun& run) { watch.add(run); };
  events.session_changed = [&](const std::string& id) {
    if (std::exchange(asked, true)) return;
    early = std::thread([&, id] {
      try {
        wait_for_end(run_program(*known, id).control);
      } catch (const base::Error& error) {
        refused = error.what();
      }
    });
    std::this_thread::sleep_for(200ms);  // whoever asks now finds it active
  };
  Manager manager(place.settings(), events);
  known = &manager;
  const Ending ending(manager, &watch);
  manager.reconcile();
  const auto begun = manager.begin(begin_request(place, false));
  REQUIRE(early.joinable());
  early.join();
  watch.join();
  CHECK(refused.empty());
  manager.end(begun.record.id, {});
}

TEST_CASE("How the last command in a source session ended is noted before the session goes", "[session]") {
  Served served;
  auto& manager = served.manager;
  for (int i = 0; i < 30; ++i) {
    const auto id = manager.begin(begin_request(served.place, true)).record.id;
    wait_for_end(run_program(manager, id).control);
    manager.end(id, {});
    const auto trouble = manager.source_trouble(*served.place.definition(), true);
    REQUIRE(trouble);
    REQUIRE_THAT(*trouble, Catch::Contains(id) && Catch::Contains("ended with status"));
  }
}

#ifdef UNIONROOT_FAULT_POINTS
TEST_CASE("A command in a source session has ended once its client is told, however long its supervisor stays") {
  Served served;
  auto& manager = served.manager;
  manager.end(manager.begin(begin_request(served.place, true)).record.id, {});  // has read the environment by now
  for (int i = 0; i < 4; ++i) {
    const auto id = manager.begin(begin_request(served.place, true)).record.id;
    REQUIRE(::setenv(base::fault_delay_variable, base::concat("500000,", i).c_str(), 1) == 0);
    const auto run = run_program(manager, id);
    ::unsetenv(base::fault_delay_variable);
    wait_for_message(run.control, launch::control::Type::exited);
    manager.end(id, {});
    const auto trouble = manager.source_trouble(*served.place.definition(), true);
    REQUIRE(trouble);
    REQUIRE_THAT(*trouble, Catch::Contains(id) && Catch::Contains("ended with status"));
  }
}
#endif

TEST_CASE("A daemon that goes without having served leaves its sessions' locks", "[session]") {
  const Place place;
  const auto locks = [&] {
    std::set<std::string> names;
    for (const auto& file : boost::filesystem::directory_iterator(place.path + "/state/locks"))
      if (file.path().filename().string().find(".source.") != std::string::npos)
        names.insert(file.path().filename().string());
    return names;
  };
  std::string id;
  std::set<std::string> held;
  {
    Manager manager(place.settings(), {});
    manager.reconcile();
    id = manager.begin(begin_request(place, true)).record.id;
    held = locks();
    REQUIRE(held.size() == 1);
  }
  CHECK(locks() == held);
  Manager manager(place.settings(), {});
  const Ending ending(manager, nullptr);
  manager.reconcile();
  manager.end(id, {});
  CHECK(locks().empty());
}

TEST_CASE("Nothing is told of a session after its removal", "[session]") {
  const Place place;
  boost::filesystem::create_directory(place.path + "/hooks");
  const auto script = place.path + "/hooks/10-test";
  for (const auto* const text :
       {"exit 0", "[ $1 = setup-stop ]"}) {  // of a session that is begun, and of one that is not
    INFO(text);
    std::ofstream(script) << "#!/bin/sh\n" << text << "\n";
    boost::filesystem::permissions(script, static_cast<boost::filesystem::perms>(0755));
    std::mutex mutex;
    std::vector<std::string> told;
    const auto note = [&](const char* what) {
      return [&, what](const auto&...) {
        const std::lock_guard guard(mutex);
        told.emplace_back(what);
      };
    };
    session::Events events;
    events.session_added = note("added");
    events.session_changed = note("changed");
    events.session_removed = note("removed");
    events.progress = note("progress");
    Manager manager(place.settings(), events);
    const Ending ending(manager, nullptr);
    manager.reconcile();
    auto request = begin_request(place, false);
    auto hooked = *request.definition;
    hooked.hook_directories = {place.path + "/hooks"};
    request.definition = std::make_shared<definition::Definition>(hooked);
    try {
      manager.end(manager.begin(request).record.id, {});
    } catch (const base::Error& error) {
      CHECK_THAT(error.what(), Catch::Contains("10-test"));
    }
    CHECK(std::count(told.begin(), told.end(), "progress") > 0);
    CHECK(std::count(told.begin(), told.end(), "removed") == 1);
    REQUIRE_FALSE(told.empty());
    CHECK(told.back() == "removed");
  }
}

TEST_CASE("Whoever does something with a session while it is being recovered or ended is told so", "[session]") {
  Served served;
  auto& manager = served.manager;
  std::vector<std::string> strange;
  std::mutex mutex;
  for (int i = 0; i < 20; ++i) {
    auto request = begin_request(served.place, false);
    request.name = "races-again";
    const auto id = manager.begin(request).record.id;
    const auto attempt = [&](const auto& action) {
      try {
        action();
      } catch (const base::Error& error) {
        using base::ErrorCode;
        const auto code = error.code();
        if (code == ErrorCode::no_such_session || code == ErrorCode::session_not_active) return;
        const std::lock_guard guard(mutex);
        strange.emplace_back(error.what());
      }
    };
    std::thread recovering([&] { attempt([&] { manager.recover(id); }); });
    std::thread running([&] { attempt([&] { wait_for_end(run_program(manager, id).control); }); });
    std::thread looking([&] {
      for (int look = 0; look < 20; ++look)
        if (const auto view = manager.find(id)) CHECK(view->record.id == id);
    });
    std::this_thread::sleep_for(std::chrono::microseconds(200 * i));
    attempt([&] { manager.end(id, {.force = true}); });
    for (auto* thread : {&recovering, &running, &looking}) thread->join();
    served.watch.join();
    REQUIRE_FALSE(manager.find(id));
  }
  CHECK(strange == std::vector<std::string>{});
}
