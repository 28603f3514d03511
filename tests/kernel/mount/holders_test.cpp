// Who keeps a mount busy: real mounts, and processes that hold them in each of the ways there are.
#include "kernel/holders.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <catch2/catch.hpp>
#include <functional>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "copy_file.h"
#include "fixture.h"
#include "kernel/mounts.h"

using namespace unionroot;
namespace fs = boost::filesystem;

namespace {

// A tmpfs of its own for each test.
struct Place {
  Place() {
    char name[] = "/tmp/unionroot-holders.XXXXXX";
    path = ::mkdtemp(name);
    base::check(::mount("test", path.c_str(), "tmpfs", 0, nullptr), "mounting a tmpfs");
    fs::create_directory(path + "/folder");
    tests::copy_file("/bin/sleep", path + "/program");
  }
  ~Place() {
    ::umount2(path.c_str(), MNT_DETACH);
    ::rmdir(path.c_str());
  }
  std::string path;
};

// A child that does `hold` and then sleeps; killed at the end.
struct Child {
  explicit Child(const std::function<void()>& hold) {
    int ready[2];
    base::check(::pipe2(ready, O_CLOEXEC), "making a pipe");
    const base::UniqueFd reader(ready[0]);
    base::UniqueFd writer(ready[1]);
    pid = ::fork();
    if (pid == 0) {
      hold();
      if (::write(writer.get(), "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    writer.reset();
    char byte = 0;
    REQUIRE(::read(reader.get(), &byte, 1) == 1);
  }
  Child(const Child&) = delete;
  ~Child() {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  pid_t pid = -1;
};

}  // namespace

TEST_CASE("a mount that nobody holds has no holders", "[root]") {
  tests::require_mounts();
  const Place place;
  CHECK(kernel::holders_of_mount(place.path).empty());
  CHECK(kernel::holders_of_mount("/no/such/place").empty());
  CHECK(kernel::describe({}).empty());
  CHECK(kernel::real_mounts().unmount(place.path, 0));
}

TEST_CASE("each way of holding a mount is named, with the process", "[root]") {
  tests::require_mounts();
  const Place place;
  std::string expected;
  std::function<void()> hold;
  SECTION("working directory") {
    hold = [&] {
      if (::chdir((place.path + "/folder").c_str()) != 0) ::_exit(1);
    };
    expected = "working directory " + place.path + "/folder";
  }
  SECTION("root directory") {
    hold = [&] {
      if (::chroot(place.path.c_str()) != 0) ::_exit(1);
    };
    expected = "root directory " + place.path;
  }
  SECTION("descriptor") {
    hold = [&] {
      if (::dup2(::open((place.path + "/file").c_str(), O_CREAT | O_RDWR, 0600), 77) != 77) ::_exit(1);
    };
    expected = "descriptor ";
  }
  const Child child(hold);
  for (const auto& holders : {kernel::holders_of_mount(place.path), [&] {
                                struct stat facts {};
                                REQUIRE(::stat(place.path.c_str(), &facts) == 0);
                                return kernel::holders_of_device(facts.st_dev);
                              }()}) {
    REQUIRE(holders.size() == 1);
    CHECK(holders[0].pid == child.pid);
    CHECK_THAT(holders[0].how, Catch::StartsWith(expected));
    CHECK_THAT(holders[0].command, Catch::Contains("test_kernel_mount"));
  }
  // And the refused unmount says so.
  try {
    kernel::real_mounts().unmount(place.path, 0);
    FAIL("it was unmounted");
  } catch (const base::SystemError& error) {
    CHECK(error.error_number() == EBUSY);
    CHECK_THAT(error.what(), Catch::Contains(base::concat("held by pid ", child.pid)) && Catch::Contains(expected));
  }
}

TEST_CASE("a program that runs from a mount holds it", "[root]") {
  tests::require_mounts();
  const Place place;
  const auto program = place.path + "/program";
  pid_t pid = -1;
  char* const arguments[] = {const_cast<char*>("program"), const_cast<char*>("1000"), nullptr};
  REQUIRE(::posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, environ) == 0);
  auto holders = kernel::holders_of_mount(place.path);
  CHECK(tests::eventually([&] {
    holders = kernel::holders_of_mount(place.path);
    return !holders.empty();
  }));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  REQUIRE(holders.size() == 1);
  CHECK(holders[0].pid == pid);
  CHECK(holders[0].how == "executable " + program);
  CHECK_THAT(kernel::describe(holders), Catch::Contains("program 1000"));
}

TEST_CASE("at most five holders are named, and the others counted") {
  std::vector<kernel::Holder> holders;
  for (pid_t pid = 1; pid <= 7; ++pid) holders.push_back({pid, 0, "c", "descriptor 3 (/x)"});
  const auto text = kernel::describe(holders);
  CHECK_THAT(text, Catch::Contains("pid 5 ") && !Catch::Contains("pid 6 ") && Catch::Contains("and 2 more"));
}
