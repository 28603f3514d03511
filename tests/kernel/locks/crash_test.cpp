// Every operation, killed at every fault point, in a process of its own; and failing there.
#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include "locks/manage.h"
#include "processes.h"

using namespace locks_test;
using namespace std::chrono_literals;
using locks::LockDirectory;
using locks::LockedError;
using locks::LockState;
using locks::Wait;

namespace {

// What must be there before the operation, and what is expected of a session lock after a crash in it.
enum class Before {
  nothing,
  preserved,
  preserved_by_another_user,
  preserved_with_commands,
  stale_session,
  dead_waiter,
  living_session
};
enum class Session { none, maybe, always };

struct Case {
  std::string operation;
  Before before;
  Session after;
};

base::ProcessIdentity dead_process() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
  return {pid, 1, base::boot_id()};
}

struct Prepared {
  std::optional<locks::HeldLock> commands;  // what supervisors of commands would hold
  std::optional<Helper> session;
};

Prepared prepare(const Place& place, Before before) {
  LockDirectory directory(place.locks());
  Prepared prepared;
  auto dead = owner("one", before != Before::stale_session);
  dead.process = dead_process();
  if (before == Before::preserved) {  // all but its process is as the helper has it
    dead.uid = 0;
    dead.user = "root";
    dead.chroot = "test";
    dead.tree.clear();
    dead.since = 1;
  }
  switch (before) {
    case Before::nothing: break;
    case Before::preserved:
    case Before::preserved_by_another_user: directory.lock_session(key, dead, Wait{}).abandon(); break;
    case Before::preserved_with_commands: prepared.commands = directory.lock_session(key, dead, Wait{}); break;
    case Before::stale_session: directory.lock_session(key, dead, Wait{}).abandon(); break;
    case Before::dead_waiter: {
      auto session = directory.lock_session(key, owner("other"), Wait{});
      Helper waiter(place, {"hold-source"});
      while (directory.list().size() < 2) std::this_thread::sleep_for(1ms);
      waiter.kill();
      session.release();
      break;
    }
    case Before::living_session:
      prepared.session.emplace(place, std::vector<std::string>{"hold-session", "other"});
      REQUIRE(prepared.session->wait_held());
      break;
  }
  return prepared;
}

bool refused(LockDirectory& directory) {
  try {
    directory.lock_source(key, owner(), Wait{});
    return false;
  } catch (const LockedError&) {
    return true;
  }
}

void check_after(const Place& place, const Case& tried, Prepared& prepared) {
  LockDirectory directory(place.locks());
  prepared.session.reset();  // whoever stood in the way is gone
  bool session = false;
  for (const auto& lock : directory.list()) {
    INFO(lock.file);
    const bool by_commands = prepared.commands.has_value() && lock.owner.session == "one";
    if (!by_commands) CHECK((lock.state == LockState::stale || lock.state == LockState::preserved));
    session = session || lock.state == LockState::preserved || by_commands;
  }
  if (tried.after == Session::always) CHECK(session);
  if (tried.after == Session::none) CHECK_FALSE(session);
  CHECK(refused(directory) == session);
  if (prepared.commands) {
    CHECK_THROWS_AS(directory.remove_session(key, "one"), LockedError);
    CHECK(refused(directory));
    prepared.commands->abandon();  // the commands end
    if (tried.after == Session::always) CHECK(refused(directory));
  }
  directory.remove_session(key, "one");
  CHECK_FALSE(refused(directory));
  directory.clean();
  CHECK(place.files().empty());
}

// Runs the operation with the N-th fault point armed for N = 1, 2, ... until it gets through; returns how many there
// are.
int sweep(const Case& tried, const std::string& variable, const std::function<void(int status)>& check_status) {
  for (int number = 1; number < 200; ++number) {
    const Place place;
    auto prepared = prepare(place, tried.before);
    std::optional<Helper> helper;
    helper.emplace(place, std::vector<std::string>{tried.operation},
                   std::vector<std::string>{variable + "=" + std::to_string(number), "UNIONROOT_FAULT_FROM_START=1"});
    if (tried.before == Before::living_session) {  // until the waiter is registered and waits, or has died
      LockDirectory directory(place.locks());
      CHECK(tests::eventually([&] { return directory.list().size() >= 2 || helper->has_ended(); }));
      prepared.session->finish();
    }
    const int status = helper->reap();
    INFO(tried.operation << " with " << variable << "=" << number);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return number - 1;
    check_status(status);
    check_after(place, tried, prepared);
  }
  FAIL("the operation never got through");
  return 0;
}

const Case cases[] = {
    {"session", Before::nothing, Session::none},
    {"session", Before::stale_session, Session::none},
    {"session", Before::dead_waiter, Session::none},
    {"preserved", Before::nothing, Session::maybe},
    {"source", Before::nothing, Session::none},
    {"source", Before::stale_session, Session::none},
    {"wait-source", Before::living_session, Session::none},
    {"reown", Before::preserved, Session::always},
    {"reown", Before::preserved_by_another_user, Session::always},
    {"reown", Before::preserved_with_commands, Session::always},
    {"reown", Before::nothing, Session::maybe},
    {"remove", Before::preserved, Session::maybe},
    {"clean", Before::stale_session, Session::none},
    {"clean", Before::dead_waiter, Session::none},
    {"clean", Before::preserved, Session::always},
};

}  // namespace

TEST_CASE("killed at any step, an operation leaves nothing that holds anybody back") {
  for (const auto& tried : cases) {
    const int points = sweep(tried, "UNIONROOT_CRASH_AT", [](int status) {
      CHECK(WIFSIGNALED(status));
      CHECK(WTERMSIG(status) == SIGKILL);
    });
    INFO(tried.operation);
    CHECK(points >= 3);  // the sweep is not empty
  }
}

TEST_CASE("failing at any step, an operation says so and leaves nothing behind") {
  for (const auto& tried : cases)
    sweep(tried, "UNIONROOT_FAIL_AT", [](int status) { CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 3)); });
}

TEST_CASE("a killed session's lock no longer holds back a change that waits") {
  const Place place;
  Helper session(place, {"hold-session", "s"});
  REQUIRE(session.wait_held());
  Helper change(place, {"hold-source"});
  LockDirectory directory(place.locks());
  while (directory.list().size() < 2) std::this_thread::sleep_for(1ms);
  CHECK_THROWS_AS(directory.lock_session(key, owner("later"), Wait{}), LockedError);
  session.kill();
  CHECK(change.wait_held());
  change.kill();
  directory.lock_session(key, owner("later"), Wait{}).release();
}

// Stopped between two of its looks: whoever is stopped while it holds the manage lock stops everybody, as tests/unit
// has it.
void stop_outside_manage(const Place& place, pid_t pid) {
  const locks::detail::Directory directory(place.locks());
  for (int attempt = 0; attempt < 100; ++attempt) {
    ::kill(pid, SIGSTOP);
    try {
      const locks::detail::ManageLock free(directory, key, {}, 50ms);
      return;
    } catch (const base::Error&) {
      ::kill(pid, SIGCONT);
      std::this_thread::sleep_for(3ms);
    }
  }
  FAIL("pid " << pid << " holds the manage lock all the time");
}

TEST_CASE("a stopped waiter still holds back sessions, and is named") {
  const Place place;
  Helper session(place, {"hold-session", "s"});
  REQUIRE(session.wait_held());
  Helper change(place, {"hold-source"});
  LockDirectory directory(place.locks());
  while (directory.list().size() < 2) std::this_thread::sleep_for(1ms);
  stop_outside_manage(place, change.pid());
  try {
    directory.lock_session(key, owner("later"), Wait{});
    FAIL("the session should have been refused");
  } catch (const LockedError& error) {
    CHECK_THAT(error.what(), Catch::Contains("pid " + std::to_string(change.pid())));
    CHECK_THAT(error.what(), Catch::Contains("waits for session s"));
  }
}
