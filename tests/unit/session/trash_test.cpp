#include "session/trash.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "session_fixture.h"
#include "skip.h"

using namespace unionroot;
namespace fs = boost::filesystem;

TEST_CASE("what is discarded is gone from its folder at once, and deleted soon") {
  test::TemporaryFolder folder;
  fs::create_directories(folder.path + "/sessions/a/upper/deep/er");
  std::ofstream(folder.path + "/sessions/a/upper/deep/file") << "x";
  session::Trash trash;
  trash.discard(folder.path + "/sessions", "a", folder.path + "/trash");
  CHECK_FALSE(fs::exists(folder.path + "/sessions/a"));
  trash.drain();
  CHECK(fs::is_empty(folder.path + "/trash"));
  CHECK_NOTHROW(trash.discard(folder.path + "/sessions", "a", folder.path + "/trash"));
  CHECK_THROWS_AS(trash.discard(folder.path + "/nowhere", "a", folder.path + "/trash"), base::SystemError);
}

TEST_CASE("what an earlier daemon left in the trash is deleted") {
  test::TemporaryFolder folder;
  fs::create_directories(folder.path + "/trash/a-1/upper");
  fs::create_directories(folder.path + "/trash/b-2");
  session::Trash trash;
  trash.adopt(folder.path + "/trash");
  trash.adopt(folder.path + "/no-trash");
  trash.drain();
  CHECK(fs::is_empty(folder.path + "/trash"));
}

TEST_CASE("where something else has the name of the trash, what is discarded is deleted at once") {
  test::TemporaryFolder folder;
  session::Trash trash;
  const auto name = folder.path + "/trash", elsewhere = folder.path + "/elsewhere";
  fs::create_directories(elsewhere);
  const auto discard = [&] {
    fs::create_directories(folder.path + "/sessions/a/upper/deep");
    CHECK_NOTHROW(trash.discard(folder.path + "/sessions", "a", name));
    CHECK(fs::is_empty(folder.path + "/sessions"));
    trash.drain();
    CHECK(fs::is_empty(elsewhere));
  };
  fs::create_symlink(elsewhere, name);
  discard();
  fs::remove(name);
  std::ofstream(name) << "x";
  discard();
  fs::remove(name);
  fs::create_directories(name + "/others");
  fs::permissions(name, fs::all_all);
  discard();
  CHECK_THROWS_WITH(trash.adopt(name), Catch::Contains("is writable by others than root"));
  trash.drain();
  CHECK(fs::exists(name + "/others"));
}

TEST_CASE("where there is no room for it in the trash, it is deleted at once") {
  tests::require_root("to mount a file system");
  test::TemporaryFolder folder;
  // In a mount namespace of its own, so that nothing of it is left.
  std::thread([&] {
    base::check(::unshare(CLONE_NEWNS), "unsharing");
    base::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "making mounts private");
    base::check(::mount("tmpfs", folder.path.c_str(), "tmpfs", 0, "nr_inodes=8"), "mounting on", folder.path);
    fs::create_directories(folder.path + "/sessions/a/upper/deep");
    for (int number = 0; number < 8; ++number) std::ofstream(folder.path + "/filler" + std::to_string(number));
    session::Trash trash;
    CHECK_NOTHROW(trash.discard(folder.path + "/sessions", "a", folder.path + "/trash"));
    CHECK(fs::is_empty(folder.path + "/sessions"));
    CHECK_FALSE(fs::exists(folder.path + "/trash"));
  }).join();
}
