// The protocol within one process: locks are as much between threads as between processes.
#include <atomic>
#include <thread>

#include "eventually.h"
#include "locks/directory.h"
#include "locks/manage.h"
#include "locks/messages.h"
#include "place.h"

using namespace locks_test;
using namespace std::chrono_literals;
using locks::LockDirectory;
using locks::LockedError;
using locks::LockKind;
using locks::LockState;
using locks::Wait;

namespace {

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const LockedError& error) {
    CHECK(error.code() == base::ErrorCode::source_locked);
    return std::string(error.what()) + " | " + error.hint();
  }
  return "not refused";
}

void until(const std::function<bool()>& condition) { REQUIRE(tests::eventually(condition)); }

}  // namespace

TEST_CASE("a session that changes its own tree is in its own way no more than nobody is") {
  const Place place;
  LockDirectory directory(place.path());
  auto own = directory.lock_session(key, owner("one"), Wait{});
  {
    auto change = directory.lock_source(key, owner("one"), Wait{});
    CHECK(message_of([&] { directory.lock_session(key, owner("two"), Wait{}); }).find("one") != std::string::npos);
    change.release();
  }
  CHECK(place.files() == std::vector<std::string>{"abc-1.session.one"});
  auto other = directory.lock_session(key, owner("two"), Wait{});
  const auto message = message_of([&] { directory.lock_source(key, owner("one"), Wait{}); });
  CHECK(message.find("two") != std::string::npos);
  CHECK(message.find("session one") == std::string::npos);
  CHECK(message_of([&] { directory.lock_source(key, owner(""), Wait{}); }).find("session one") != std::string::npos);
}

TEST_CASE("sessions share a tree, and leave nothing") {
  const Place place;
  LockDirectory directory(place.path());
  auto one = directory.lock_session(key, owner("one"), Wait{});
  auto two = directory.lock_session(key, owner("two"), Wait{});
  CHECK(place.files() == std::vector<std::string>{"abc-1.session.one", "abc-1.session.two"});
  CHECK(one.file() == place / "abc-1.session.one");
  CHECK(::fcntl(one.descriptor(), F_GETFD) == FD_CLOEXEC);
  struct stat status {};
  REQUIRE(::stat(one.file().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0644);
  REQUIRE(::stat((place / "abc-1.manage").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  one.release();
  one.release();
  CHECK(one.descriptor() == -1);
  { auto moved = std::move(two); }
  CHECK(place.files().empty());
}

TEST_CASE("lock files are readable for all whatever the umask") {
  const Place place;
  const auto old = ::umask(077);
  LockDirectory directory(place.path());
  auto held = directory.lock_session(key, owner("one"), Wait{});
  ::umask(old);
  struct stat status {};
  REQUIRE(::stat(held.file().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0644);
}

TEST_CASE("a change is refused while a session stands, with its holder's name") {
  const Place place;
  LockDirectory directory(place.path());
  auto session = directory.lock_session(key, owner("one"), Wait{});
  auto second = directory.lock_session(key, owner("two"), Wait{});
  const auto text = message_of([&] { directory.lock_source(key, owner(), Wait{}); });
  CHECK_THAT(text, Catch::StartsWith("changing the source tree of chroot 'bookworm': it is in use by session "));
  CHECK_THAT(text, Catch::Contains("session one (alice, since 20") && Catch::Contains("session two (alice, since 20"));
  CHECK_THAT(text, Catch::Contains(", 0 s ago)") && !Catch::Contains("pid"));
  CHECK_THAT(text, (Catch::Contains("`unionroot end one two`") || Catch::Contains("`unionroot end two one`")) &&
                       Catch::Contains("wait with --wait") && Catch::Contains("`unionroot locks`"));
  const auto later = message_of([&] { directory.lock_source(key, owner(), Wait{10ms, {}}); });
  CHECK_THAT(later, Catch::Contains("after waiting") && Catch::Contains("wait longer") && !Catch::Contains("--wait"));
  CHECK(place.files().size() == 2);                                  // the refused one left nothing
  auto elsewhere = directory.lock_source("abc-2", owner(), Wait{});  // another tree
  session.release();
  second.release();
  directory.lock_source(key, owner(), Wait{}).release();
}

TEST_CASE("a session is refused while the tree is changed") {
  const Place place;
  LockDirectory directory(place.path());
  auto change = directory.lock_source(key, owner(), Wait{});
  const auto text = message_of([&] { directory.lock_session(key, owner("one"), Wait{}); });
  CHECK_THAT(text, Catch::StartsWith("beginning a session on the source tree of chroot 'bookworm': it is in use by "
                                     "alice's `") &&
                       Catch::Contains("test_unit_locks") &&
                       Catch::Contains("(pid " + std::to_string(::getpid()) + ", since 20"));
  CHECK_THAT(message_of([&] { directory.lock_source(key, owner(), Wait{}); }), Catch::Contains("in use by alice's `"));
  change.release();
  auto changer = owner("src");
  changer.holder = locks::LockHolder::source_session;
  auto source = directory.lock_source(key, changer, Wait{});
  CHECK_THAT(
      message_of([&] { directory.lock_session(key, owner("one"), Wait{}); }),
      Catch::Contains("it is in use by source session src (alice, since ") && Catch::Contains("`unionroot end src`"));
}

TEST_CASE("what a session has to itself is not called a source") {
  const Place place;
  LockDirectory directory(place.path());
  auto mine = owner("one"), yours = owner("two");
  mine.purpose = "session, begun by: unionroot begin bookworm";
  mine.holder = locks::LockHolder::session;
  yours.holder = locks::LockHolder::automatic_session;
  yours.tree = "/srv/up";
  auto held = directory.lock_source(key, mine, Wait{});
  const auto text = message_of([&] { directory.lock_source(key, yours, Wait{}); });
  CHECK_THAT(text, Catch::StartsWith("beginning a session on chroot 'bookworm', which needs '/srv/up' to itself: it is "
                                     "in use by session one (alice, since "));
  yours.holder = locks::LockHolder::source_session;
  CHECK_THAT(message_of([&] { directory.lock_source(key, yours, Wait{}); }),
             Catch::StartsWith("changing the source tree of chroot 'bookworm'"));
}

TEST_CASE("a session's name is taken once on a tree") {
  const Place place;
  LockDirectory directory(place.path());
  auto held = directory.lock_session(key, owner("one"), Wait{});
  CHECK_THAT(message_of([&] { directory.lock_session(key, owner("one"), Wait{}); }),
             Catch::Contains("session one (alice"));
  CHECK(place.files().size() == 1);
}

TEST_CASE("names and keys that are no file names are refused") {
  const Place place;
  LockDirectory directory(place.path());
  for (const char* name : {"", "../x", "a/b", ".x", "a+b", "a b"}) {
    CHECK_THROWS_AS(directory.lock_session(key, owner(name), Wait{}), base::Error);
    CHECK_THROWS_AS(directory.remove_session(key, name), base::Error);
  }
  CHECK_THROWS_AS(directory.lock_source(key, owner("a/b"), Wait{}), base::Error);
  CHECK_THROWS_AS(directory.lock_source("../x", owner(), Wait{}), base::Error);
  CHECK_THROWS_AS(directory.lock_session("", owner("x"), Wait{}), base::Error);
  CHECK(place.files().empty());
}

TEST_CASE("a change that waits holds back later sessions, and gets its turn at once") {
  const Place place;
  LockDirectory directory(place.path());
  auto session = directory.lock_session(key, owner("one"), Wait{});
  std::atomic<bool> got{false};
  std::thread change([&] {
    auto held = directory.lock_source(key, owner(), Wait{std::nullopt, {}});
    got = true;
    CHECK(directory.list().at(0).state == LockState::held);
  });
  until([&] { return directory.list().size() == 2; });
  const auto locks = directory.list();
  CHECK(locks[0].kind == LockKind::source);
  CHECK(locks[0].state == LockState::waiting);
  CHECK_THAT(message_of([&] { directory.lock_session(key, owner("two"), Wait{}); }),
             Catch::Contains(") waits for session one (alice, since ") &&
                 Catch::Contains("; later sessions have to wait for it"));
  CHECK_FALSE(got);
  session.release();
  change.join();
  CHECK(got);
  CHECK(place.files().empty());
}

TEST_CASE("a change that has held back later sessions for long enough lets them pass, and gets its turn") {
  const Place place;
  LockDirectory directory(place.path());
  auto session = directory.lock_session(key, owner("one"), Wait{});
  auto request = directory.request_source(key, owner());
  auto& change = std::get<locks::PendingLock>(request);
  const auto refused = message_of([&] { directory.lock_session(key, owner("two"), Wait{}); });
  CHECK_THAT(refused,
             Catch::Contains("waits for session one (alice, since ") && Catch::Contains("`unionroot end one`"));
  change.hold_nobody_back();
  change.hold_nobody_back();
  CHECK(place.files() == std::vector<std::string>{"abc-1.session.one"});
  auto later = directory.lock_session(key, owner("two"), Wait{});
  session.release();
  CHECK_FALSE(change.worth_trying());
  CHECK_FALSE(change.try_take());
  // One that waits too, and holds back others, comes first.
  auto registered = directory.request_source(key, owner());
  later.release();
  CHECK_FALSE(change.try_take());
  CHECK_THAT(std::string(change.give_up(10ms).what()), Catch::Contains("alice's `"));
  auto first = std::get<locks::PendingLock>(registered).try_take();
  REQUIRE(first);
  first->release();
  CHECK(change.worth_trying());
  auto held = change.try_take();
  REQUIRE(held);
  CHECK(directory.list().at(0).state == LockState::held);
  CHECK_THAT(message_of([&] { directory.lock_session(key, owner("two"), Wait{}); }),
             Catch::Contains("it is in use by"));
  held->release();
  CHECK(place.files().empty());
}

TEST_CASE("a change that holds nobody back has no file while it waits, and says for whom") {
  const Place place;
  LockDirectory directory(place.path());
  auto session = directory.lock_session(key, owner("one"), Wait{});
  auto request = directory.request_source(key, owner(), {}, false);
  auto& change = std::get<locks::PendingLock>(request);
  CHECK(place.files() == std::vector<std::string>{"abc-1.session.one"});
  CHECK_THAT(change.obstacle(), Catch::StartsWith("it is in use by session one (alice, since "));
  auto later = directory.lock_session(key, owner("two"), Wait{});
  session.release();
  CHECK_FALSE(change.worth_trying());
  CHECK_FALSE(change.try_take());
  later.release();
  CHECK(change.obstacle().empty());
  REQUIRE(change.worth_trying());
  auto held = change.try_take();
  REQUIRE(held);
  CHECK_THAT(message_of([&] { directory.lock_session(key, owner("three"), Wait{}); }),
             Catch::Contains("it is in use by"));
  held->release();
  // Free at once: it has it at once.
  auto free = directory.request_source(key, owner(), {}, false);
  CHECK(std::holds_alternative<locks::HeldLock>(free));
}

TEST_CASE("a wait for a change stops to hold back sessions after its limit") {
  const Place place;
  LockDirectory directory(place.path());
  auto session = directory.lock_session(key, owner("one"), Wait{});
  std::atomic<bool> got{false};
  std::thread change([&] {
    Wait wait{std::nullopt, {}};
    wait.hold_back = 20ms;
    auto held = directory.lock_source(key, owner(), wait);
    got = true;
  });
  auto later = directory.lock_session(key, owner("two"), Wait{std::nullopt, {}});
  CHECK_FALSE(got);
  session.release();
  later.release();
  change.join();
  CHECK(got);
  CHECK(place.files().empty());
}

TEST_CASE("changes get their turn in the order in which they came") {
  const Place place;
  LockDirectory directory(place.path());
  auto session = directory.lock_session(key, owner("one"), Wait{});
  std::vector<int> order;
  std::vector<std::thread> changes;
  for (int i = 0; i < 4; ++i) {
    changes.emplace_back([&, i] {
      auto held = directory.lock_source(key, owner(), Wait{std::nullopt, {}});
      order.push_back(i);  // exclusive: the lock is what guards it
    });
    until([&] { return directory.list().size() == static_cast<std::size_t>(i) + 2; });
  }
  session.release();
  for (auto& change : changes) change.join();
  CHECK(order == std::vector<int>{0, 1, 2, 3});
}

TEST_CASE("a session waits for a change to end") {
  const Place place;
  LockDirectory directory(place.path());
  const auto waits_no_longer = [&] {
    auto change = directory.lock_source(key, owner(), Wait{});
    std::thread session([&] { directory.lock_session(key, owner("one"), wait_for(120'000)).release(); });
    std::this_thread::sleep_for(20ms);
    change.release();
    session.join();
    CHECK(place.files().empty());
  };
  CHECK(tests::takes_less_than(1s, waits_no_longer));
}

TEST_CASE("a wait ends at its limit, with the holders, and takes the waiter's lock away") {
  const Place place;
  LockDirectory directory(place.path());
  {
    auto session = directory.lock_session(key, owner("one"), Wait{});
    const auto text = message_of([&] { directory.lock_source(key, owner(), wait_for(150)); });
    CHECK_THAT(text, Catch::Matches(".*after waiting for [0-9]+\\.[0-9] s, it is in use by session one \\(.*"));
    CHECK(place.files().size() == 1);
  }
  auto change = directory.lock_source(key, owner(), Wait{});
  CHECK_THAT(message_of([&] { directory.lock_session(key, owner("one"), wait_for(150)); }),
             Catch::Contains("after waiting"));
  CHECK_THAT(message_of([&] { directory.lock_session(key, owner("one"), wait_for(-5)); }),
             Catch::Contains("in use by alice's `"));
  CHECK(place.files().size() == 1);
}

TEST_CASE("a cancelled wait takes the waiter's lock away") {
  const Place place;
  LockDirectory directory(place.path());
  auto session = directory.lock_session(key, owner("one"), Wait{});
  int asked = 0;
  const Wait wait{std::nullopt, [&] { return ++asked > 3; }};
  try {
    directory.lock_source(key, owner(), wait);
    FAIL("the wait should have been cancelled");
  } catch (const base::Error& error) {
    CHECK(error.code() == base::ErrorCode::cancelled);
  }
  CHECK(place.files().size() == 1);
  session.release();
  directory.lock_session(key, owner("two"), Wait{}).release();
}

TEST_CASE("a duplicate of the descriptor keeps the lock when its first holder lets go") {
  const Place place;
  LockDirectory directory(place.path());
  auto session = directory.lock_session(key, dead_owner("one"), Wait{});
  const base::UniqueFd supervisor(::fcntl(session.descriptor(), F_DUPFD_CLOEXEC, 3));
  session.abandon();
  REQUIRE(directory.list().size() == 1);
  CHECK(directory.list()[0].state == LockState::held);
  CHECK_THAT(message_of([&] { directory.lock_source(key, owner(), Wait{}); }),
             Catch::Contains("; its commands still run without a daemon"));
  CHECK(directory.clean().empty());
}

TEST_CASE("a read lock, which any user may take, holds nobody up") {
  const Place place;
  LockDirectory directory(place.path());
  auto held = directory.lock_session(key, dead_owner("one"), Wait{});
  const base::UniqueFd stranger(::open(held.file().c_str(), O_RDONLY | O_CLOEXEC));
  held.abandon();
  struct flock lock {};
  lock.l_type = F_RDLCK;
  REQUIRE(::fcntl(stranger.get(), F_OFD_SETLK, &lock) == 0);
  REQUIRE(directory.list().size() == 1);
  CHECK(directory.list()[0].state == LockState::stale);
  directory.lock_source(key, owner(), Wait{}).release();
  CHECK(place.files().empty());
}

TEST_CASE("an ordinary user may see who holds what, and nothing more") {
  const Place place;
  LockDirectory directory(place.path());
  auto held = directory.lock_session(key, owner("one"), Wait{});
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(10);
    int status = 0;
    try {
      LockDirectory seen(place.path());
      if (seen.list().size() != 1 || seen.list()[0].state != LockState::held) status = 1;
      try {
        seen.lock_session(key, owner("two"), Wait{});
        status = 2;
      } catch (const base::SystemError&) {
        if (::open((place / "abc-1.manage").c_str(), O_RDONLY | O_CLOEXEC) >= 0) status = 3;
      }
    } catch (const base::Error&) {
      status = 4;
    }
    ::_exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(place.files().size() == 1);
}

TEST_CASE("the manage lock is waited for within bounds, and its holder named") {
  const Place place;
  const locks::detail::Directory directory(place.path());
  const locks::detail::ManageLock held(directory, key);
  try {
    const locks::detail::ManageLock second(directory, key, {}, 50ms);
    FAIL("two processes hold the manage lock");
  } catch (const base::Error& error) {
    CHECK(error.code() == base::ErrorCode::timed_out);
    CHECK_THAT(error.what(), Catch::Contains("abc-1.manage: pid " + std::to_string(::getpid()) + " has"));
    CHECK_THAT(error.hint(), Catch::Contains("kill -CONT"));
  }
  CHECK_THROWS_AS(locks::detail::ManageLock(directory, key, [] { return true; }), base::Error);
}

TEST_CASE("a manage file that was removed while it was locked protects nobody") {
  const Place place;
  const locks::detail::Directory directory(place.path());
  std::optional<locks::detail::ManageLock> first(std::in_place, directory, key);
  std::atomic<bool> got{false};
  std::thread second([&] {
    const locks::detail::ManageLock lock(directory, key);
    got = true;
    // It is the file of that name that is locked, not the one that was waited for.
    CHECK_THROWS_AS(locks::detail::ManageLock(directory, key, {}, 20ms), base::Error);
  });
  std::this_thread::sleep_for(20ms);
  first->remove();
  first.reset();
  second.join();
  CHECK(got);
}

TEST_CASE("many threads take and give up locks") {
  const Place place;
  LockDirectory directory(place.path());
  std::atomic<int> sessions{0}, changes{0}, wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 15; ++round) {
        if (i < 2) {
          auto held = directory.lock_source(key, owner(), Wait{std::nullopt, {}});
          if (++changes != 1 || sessions != 0) ++wrong;
          --changes;
        } else {
          auto held = directory.lock_session(key, owner("s" + std::to_string(i)), Wait{std::nullopt, {}});
          ++sessions;
          if (changes != 0) ++wrong;
          --sessions;
        }
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(place.files().empty());
}

TEST_CASE("ages are told as people tell them") {
  using locks::detail::age_text;
  CHECK(age_text(-5) == "0 s");
  CHECK(age_text(119'000'000) == "119 s");
  CHECK(age_text(120'000'000) == "2 min");
  CHECK(age_text(7'500'000'000) == "2 h 5 min");
  CHECK(age_text(200'000'000'000) == "2 days");
}
