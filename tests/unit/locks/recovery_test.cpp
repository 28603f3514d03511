// What was left behind: stale, preserved, unreadable lock files, and taking them over.
#include "base/text.h"
#include "locks/directory.h"
#include "place.h"

using namespace locks_test;
using locks::LockDirectory;
using locks::LockedError;
using locks::LockOwner;
using locks::LockState;
using locks::Wait;

namespace {

bool change_refused(LockDirectory& directory) {
  try {
    directory.lock_source(key, owner(), Wait{});
    return false;
  } catch (const LockedError&) {
    return true;
  }
}

}  // namespace

TEST_CASE("a dead owner's lock is removed by whoever meets it") {
  const Place place;
  LockDirectory directory(place.path());
  directory.lock_session(key, dead_owner("one"), Wait{}).abandon();
  REQUIRE(directory.list().size() == 1);
  CHECK(directory.list()[0].state == LockState::stale);
  SECTION("by a change") { directory.lock_source(key, owner(), Wait{}).release(); }
  SECTION("by a session of the same name") { directory.lock_session(key, owner("one"), Wait{}).release(); }
  SECTION("by cleaning, which says so") {
    const auto removed = directory.clean();
    REQUIRE(removed.size() == 1);
    CHECK(removed[0].owner.session == "one");
    CHECK(boost::filesystem::is_empty(place.path()));
  }
  CHECK(place.files().empty());
}

TEST_CASE("an owner of another boot is dead, even if its pid runs") {
  const Place place;
  LockDirectory directory(place.path());
  auto old = owner("src");
  old.process = base::this_process();
  old.process.boot_id = "00000000-0000-4000-8000-000000000000";
  directory.lock_source(key, old, Wait{}).abandon();
  directory.lock_session(key, owner("one"), Wait{}).release();
  old.process = base::this_process();
  old.process.start_time += 1;  // the pid was used again
  directory.lock_source(key, old, Wait{}).abandon();
  directory.lock_session(key, owner("one"), Wait{}).release();
  CHECK(place.files().empty());
}

TEST_CASE("an unlocked file whose owner runs still counts") {
  const Place place;
  LockDirectory directory(place.path());
  directory.lock_session(key, owner("one"), Wait{}).abandon();
  CHECK(directory.list().at(0).state == LockState::held);
  CHECK(change_refused(directory));
  CHECK(directory.clean().empty());
  directory.remove_session(key, "one");
  CHECK_FALSE(change_refused(directory));
}

TEST_CASE("a preserved session's lock stands without an owner") {
  const Place place;
  LockDirectory directory(place.path());
  { auto held = directory.lock_session(key, dead_owner("one", true), Wait{}); }  // the destructor leaves it
  REQUIRE(directory.list().size() == 1);
  CHECK(directory.list()[0].state == LockState::preserved);
  try {
    directory.lock_source(key, owner(), Wait{});
    FAIL("the change should have been refused");
  } catch (const LockedError& error) {
    CHECK_THAT(error.what(), Catch::Contains("session one (alice, since 20") &&
                                 Catch::Contains(" ago; preserved, no daemon has it)"));
    CHECK(error.holders().at(0).owner.session == "one");
  }
  CHECK_THROWS_AS(directory.lock_session(key, owner("one"), Wait{}), LockedError);
  CHECK(directory.clean().empty());
  directory.remove_session(key, "one");
  directory.remove_session(key, "one");
  CHECK(place.files().empty());
}

TEST_CASE("the daemon takes a preserved lock over") {
  const Place place;
  LockDirectory directory(place.path());
  bool created = true;
  directory.lock_session(key, dead_owner("one", true), Wait{}).abandon();
  auto held = directory.reown_session(key, owner("one", true), created);
  CHECK_FALSE(created);
  CHECK(place.files() == std::vector<std::string>{"abc-1.session.one"});
  CHECK(directory.list().at(0).state == LockState::held);
  CHECK(directory.list()[0].owner.process == base::this_process());
  // It has an owner now: neither another daemon nor remove_session may touch it.
  CHECK_THROWS_AS(directory.reown_session(key, owner("one", true), created), LockedError);
  CHECK_THROWS_AS(directory.remove_session(key, "one"), LockedError);
  held.release();
  CHECK(place.files().empty());
}

TEST_CASE("a preserved lock that nobody holds is taken over in its file") {
  const Place place;
  LockDirectory directory(place.path());
  bool created = true;
  const std::string name = place / "abc-1.session.one";
  auto first = dead_owner("one", true);
  first.purpose = "session, begun by: somebody";
  first.since = 1'700'000'000'000'001;
  directory.lock_session(key, first, Wait{}).abandon();
  struct stat before {
  }, after{};
  REQUIRE(::stat(name.c_str(), &before) == 0);
  const auto take_over = [&](const LockOwner& owner) {
    auto held = directory.reown_session(key, owner, created);
    CHECK_FALSE(created);
    REQUIRE(::stat(name.c_str(), &after) == 0);
    CHECK(place.files() == std::vector<std::string>{"abc-1.session.one"});
    const auto found = directory.list().at(0);
    CHECK(found.state == LockState::held);
    CHECK(found.owner.process == base::this_process());
    CHECK(found.owner.tree == owner.tree);
    CHECK(change_refused(directory));
    return held;
  };
  auto asked = first;
  asked.process = base::this_process();
  asked.purpose = "session";
  SECTION("it is the same file") {
    auto held = take_over(asked);
    CHECK(after.st_ino == before.st_ino);
    CHECK(after.st_size == before.st_size);
    CHECK(directory.list().at(0).owner.purpose == first.purpose);
    held.abandon();
    CHECK(directory.list().at(0).state == LockState::preserved);
  }
  SECTION("a stranger who reads it, and locks what he reads, holds up nobody") {
    const base::UniqueFd stranger(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    struct flock whole {};
    whole.l_type = F_RDLCK;
    whole.l_whence = SEEK_SET;
    REQUIRE(::fcntl(stranger.get(), F_OFD_SETLK, &whole) == 0);
    auto held = take_over(asked);
    CHECK(after.st_ino != before.st_ino);
    held.abandon();
  }
  SECTION("where it says anything else, it is another file") {
    asked.tree = "/srv/elsewhere";
    auto held = take_over(asked);
    CHECK(after.st_ino != before.st_ino);
    held.abandon();
  }
  SECTION("a former version's file has no room") {
    std::string text;
    for (const auto& line : base::split(base::read_file(name), '\n'))
      if (!line.starts_with("fill=")) text += line + "\n";
    place.write("abc-1.session.one", text);
    asked.purpose = first.purpose;
    auto held = take_over(asked);
    CHECK(after.st_size == before.st_size);
    held.abandon();
  }
  directory.remove_session(key, "one");
  CHECK(place.files().empty());
}

TEST_CASE("a lock that is missing is made again") {
  const Place place;
  LockDirectory directory(place.path());
  bool created = false;
  SECTION("nobody changes the tree") {
    auto held = directory.reown_session(key, owner("one", true), created);
    CHECK(created);
    CHECK(change_refused(directory));
    held.release();
  }
  SECTION("somebody changes the tree") {
    auto change = directory.lock_source(key, owner(), Wait{});
    CHECK_THROWS_AS(directory.reown_session(key, owner("one", true), created), LockedError);
  }
  SECTION("its content was lost") {
    place.write("abc-1.session.one", "");
    auto held = directory.reown_session(key, owner("one", true), created);
    CHECK(created);
    CHECK(directory.list().at(0).state == LockState::held);
    held.release();
    CHECK(place.files().size() == 1);
    CHECK_THAT(place.files()[0], Catch::StartsWith(".broken-") && Catch::EndsWith("-abc-1.session.one"));
  }
  if (place.files().size() != 1) CHECK(place.files().empty());
}

TEST_CASE("commands that outlive the daemon keep the lock that they hold") {
  const Place place;
  LockDirectory directory(place.path());
  bool created = false;
  auto commands = directory.lock_session(key, dead_owner("one"), Wait{});  // as the supervisors hold it
  {
    auto daemon = directory.reown_session(key, owner("one"), created);
    CHECK_FALSE(created);
    CHECK(directory.list().size() == 2);
    try {
      directory.lock_source(key, owner(), Wait{});
      FAIL("the change should have been refused");
    } catch (const LockedError& error) {
      CHECK_THAT(error.hint(), Catch::StartsWith("`unionroot end one`, "));  // the name is there once
    }
  }
  CHECK(change_refused(directory));  // the second daemon is gone as well; the commands run
  {
    auto third = directory.reown_session(key, owner("one"), created);
    CHECK(created);
  }
  CHECK_THROWS_AS(directory.remove_session(key, "one"), LockedError);
  commands.abandon();
  CHECK_FALSE(change_refused(directory));
  CHECK(place.files().empty());
}

TEST_CASE("the daemon takes the lock of a source session over, and its commands keep it") {
  const Place place;
  LockDirectory directory(place.path());
  bool created = true;
  const auto session_refused = [&] {
    try {
      directory.lock_session(key, owner("other"), Wait{}).release();
      return false;
    } catch (const LockedError&) {
      return true;
    }
  };
  SECTION("nobody holds it") {
    directory.lock_source(key, dead_owner("one"), Wait{}).abandon();
    auto held = directory.reown_source(key, owner("one"), created);
    CHECK_FALSE(created);
    CHECK(place.files() == std::vector<std::string>{"abc-1.source.one"});
    CHECK(session_refused());
    CHECK(change_refused(directory));
    held.release();
  }
  SECTION("commands hold it") {
    auto commands = directory.lock_source(key, dead_owner("one"), Wait{});
    {
      auto held = directory.reown_source(key, owner("one"), created);
      CHECK_FALSE(created);
      CHECK(directory.list().size() == 2);
      CHECK(session_refused());
    }
    CHECK(session_refused());  // the second daemon is gone as well; the commands run
    commands.abandon();
  }
  SECTION("it is missing") {
    auto held = directory.reown_source(key, owner("one"), created);
    CHECK(created);
    CHECK(session_refused());
    held.release();
  }
  SECTION("it is missing, and a session stands on the tree") {
    auto other = directory.lock_session(key, owner("other"), Wait{});
    CHECK_THROWS_AS(directory.reown_source(key, owner("one"), created), LockedError);
  }
  SECTION("it is missing, and somebody changes the tree") {
    auto other = directory.lock_source(key, owner(), Wait{});
    CHECK_THROWS_AS(directory.reown_source(key, owner("one"), created), LockedError);
  }
  CHECK_FALSE(session_refused());
  CHECK(place.files().empty());
}

TEST_CASE("an unreadable lock file is set aside, not deleted") {
  const Place place;
  LockDirectory directory(place.path());
  place.write("abc-1.session.one", "garbage\n");
  boost::filesystem::create_symlink("/etc/passwd", place / "abc-1.source.link");
  boost::filesystem::create_directory(place / "abc-1.session.folder");
  REQUIRE(directory.list().size() == 3);
  for (const auto& lock : directory.list()) {
    CHECK(lock.state == LockState::stale);
    CHECK(lock.owner.purpose == "unreadable lock file");
  }
  SECTION("by whoever meets it") { directory.lock_source(key, owner(), Wait{}).release(); }
  SECTION("by cleaning") { CHECK(directory.clean().size() == 3); }
  REQUIRE(place.files().size() == 3);
  for (const auto& name : place.files()) CHECK_THAT(name, Catch::StartsWith(".broken-"));
  CHECK(directory.list().empty());
}

TEST_CASE("an unreadable lock file that somebody holds counts as held by an unknown process") {
  const Place place;
  LockDirectory directory(place.path());
  place.write("abc-1.source.x", "garbage\n");
  base::UniqueFd holder(::open((place / "abc-1.source.x").c_str(), O_RDWR | O_CLOEXEC));
  struct flock lock {};
  lock.l_type = F_WRLCK;
  REQUIRE(::fcntl(holder.get(), F_OFD_SETLK, &lock) == 0);
  try {
    directory.lock_session(key, owner("one"), Wait{});
    FAIL("the session should have been refused");
  } catch (const LockedError& error) {
    CHECK_THAT(error.what(), Catch::Contains("abc-1.source.x cannot be read"));
  }
  CHECK(directory.clean().empty());
  holder.reset();
  directory.lock_session(key, owner("one"), Wait{}).release();
}

TEST_CASE("a source lock that appears behind the mark's back is met after the manage file is made anew") {
  const Place place;
  LockDirectory directory(place.path());
  directory.lock_session(key, owner("one"), Wait{}).release();  // the manage file says that there is no source lock
  CHECK(base::read_file(place / "abc-1.manage") == "clear\n");
  auto change = directory.lock_source(key, owner(), Wait{});
  CHECK(base::read_file(place / "abc-1.manage").empty());
  boost::filesystem::remove(place / "abc-1.manage");  // an administrator tidies up
  CHECK_THROWS_AS(directory.lock_session(key, owner("one"), Wait{}), LockedError);
}

TEST_CASE("a file system without O_TMPFILE serves as well") {
  const Place place;
  const locks::detail::Directory directory(place.path());
  const locks::detail::FileName name{key, locks::LockKind::source, "x", ""};
  auto whose = owner();
  whose.process = base::this_process();
  {
    const auto made = locks::detail::create_locked(directory, name, whose, true, locks::detail::Creation::named);
    REQUIRE(made);
    CHECK(place.files() == std::vector<std::string>{"abc-1.source.x"});
    struct stat status {};
    REQUIRE(::fstat(made->get(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0644);
    CHECK(status.st_nlink == 1);
    CHECK(locks::detail::probe(directory, name)->info.state == LockState::waiting);
    CHECK_FALSE(locks::detail::create_locked(directory, name, whose, true, locks::detail::Creation::named));
    CHECK(place.files().size() == 1);
  }
  place.write(".new-abc-1-0a1b2c3d", "left behind");
  LockDirectory(place.path()).clean();
  CHECK(place.files() == std::vector<std::string>{"abc-1.source.x"});
}

TEST_CASE("a lock directory that others could write to is refused") {
  const Place place;
  ::chmod(place.path().c_str(), 0777);
  CHECK_THROWS_WITH(LockDirectory(place.path()), Catch::Contains("can be written by others"));
  ::chmod(place.path().c_str(), 0755);
  CHECK_THROWS_AS(LockDirectory(place / "no/parent"), base::SystemError);
  boost::filesystem::create_directory_symlink("/tmp", place / "link");
  CHECK_THROWS_AS(LockDirectory(place / "link"), base::SystemError);
  LockDirectory made(place / "locks");
  CHECK(made.list().empty());
  struct stat status {};
  REQUIRE(::stat((place / "locks").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0755);
}
