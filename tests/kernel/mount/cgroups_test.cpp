// Finding and killing a session's processes.
#include "kernel/cgroups.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <chrono>

#include "fixture.h"

using namespace unionroot;
using namespace unionroot::tests;
using namespace std::chrono_literals;

namespace {

void require(const kernel::Cgroups& groups) {
  if (!groups.available()) skip(groups.description());
}

// A child in the group that runs `body`; it has joined when this returns.
pid_t start_in(const UniqueFd& group, const std::function<void()>& body) {
  int ready[2];
  base::check(::pipe2(ready, O_CLOEXEC), "making a pipe");
  const UniqueFd reading(ready[0]), writing(ready[1]);
  const pid_t child = base::check(::fork(), "forking");
  if (child == 0) {
    const UniqueFd procs(::openat(group.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
    if (!procs || ::write(procs.get(), "0", 1) != 1 || ::write(writing.get(), "x", 1) != 1) ::_exit(1);
    body();
    ::_exit(0);
  }
  char byte;
  CHECK(::read(reading.get(), &byte, 1) == 1);
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  base::check(::waitpid(child, &status, 0), "waiting");
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

std::string group_name() { return concat("test-", base::random_token()); }

}  // namespace

TEST_CASE("a fork bomb in a group is killed, and its groups are removed") {
  require_mounts();
  const auto groups = kernel::real_cgroups(group_name());
  require(*groups);
  const UniqueFd leaf = groups->create("bomb", "r1");
  REQUIRE(leaf);
  const pid_t child = start_in(leaf, [] {
    // Bounded, so that a failing test does not take the machine with it.
    for (int depth = 0; depth < 9; ++depth)
      if (::fork() < 0) break;
    for (;;) {
      if (const pid_t another = ::fork(); another == 0) ::_exit(0);
      ::waitpid(-1, nullptr, 0);
    }
  });
  CHECK(eventually([&] { return groups->processes("bomb").size() > 1; }));
  CHECK(groups->sessions() == std::vector<std::string>{"bomb"});
  groups->kill("bomb", "", 60s);
  CHECK(wait_for(child) == SIGKILL);
  CHECK(groups->sessions().empty());
  CHECK(groups->processes("bomb").empty());
  CHECK_NOTHROW(groups->kill("bomb", "", 60s));
  CHECK_NOTHROW(groups->remove("bomb", "r1"));
}

TEST_CASE("one run is killed and the others live; a killed run's name can be used again") {
  require_mounts();
  const auto groups = kernel::real_cgroups(group_name());
  require(*groups);
  const auto sleeper = [] { ::sleep(60); };
  const pid_t first = start_in(groups->create("s", "a"), sleeper);
  const pid_t second = start_in(groups->create("s", "b"), sleeper);
  CHECK_THROWS_AS(groups->create("s", "b"), base::SystemError);
  CHECK(groups->processes("s").size() == 2);
  groups->kill("s", "a", 60s);
  CHECK(wait_for(first) == SIGKILL);
  CHECK(groups->processes("s") == std::vector<pid_t>{second});
  CHECK_THROWS_AS(groups->remove("s", "b"), base::SystemError);  // it is not empty
  const pid_t third = start_in(groups->create("s", "a"), sleeper);
  groups->kill("s", "", 60s);
  CHECK(wait_for(second) == SIGKILL);
  CHECK(wait_for(third) == SIGKILL);
  CHECK(groups->sessions().empty());

  groups->create("s", "c");
  groups->remove("s", "c");
  CHECK(groups->sessions().empty());
}

TEST_CASE("names that clash with a group's own files, and names that lead out") {
  require_mounts();
  const auto groups = kernel::real_cgroups(group_name());
  require(*groups);
  CHECK(groups->create("cgroup.procs", "cpu.stat"));
  CHECK(groups->sessions() == std::vector<std::string>{"cgroup.procs"});
  groups->kill("cgroup.procs", "", 60s);
  for (const char* bad : {"..", ".", "a/b", "", "_x"}) {
    INFO(bad);
    CHECK_THROWS_AS(groups->create(bad, "r"), base::Error);
    CHECK_THROWS_AS(groups->kill(bad, "", 60s), base::Error);
  }
  CHECK(groups->sessions().empty());
}

TEST_CASE("processes are found and killed by their mount namespace, double forks too") {
  require_mounts();
  const Place place;
  mount::Namespace space = lay(place, "/");
  space.make_root();
  CHECK(kernel::processes_in_mount_namespace(space.inode()).empty());
  CHECK_NOTHROW(kernel::kill_mount_namespace(space.inode(), 60s));
  int ready[2];
  base::check(::pipe2(ready, O_CLOEXEC), "making a pipe");
  const UniqueFd reading(ready[0]), writing(ready[1]);
  const pid_t child = base::check(::fork(), "forking");
  if (child == 0) {
    if (::setns(space.descriptor(), CLONE_NEWNS) != 0) ::_exit(1);
    if (::fork() == 0) {
      ::setsid();
      if (::fork() > 0) ::_exit(0);
      if (::write(writing.get(), "x", 1) != 1) ::_exit(1);
    }
    ::sleep(60);
    ::_exit(0);
  }
  char byte;
  REQUIRE(::read(reading.get(), &byte, 1) == 1);
  // The one in the middle may not have ended yet.
  std::vector<kernel::Process> found;
  REQUIRE(eventually([&] {
    found = kernel::processes_in_mount_namespace(space.inode());
    return found.size() == 2;
  }));
  CHECK(std::any_of(found.begin(), found.end(), [&](const kernel::Process& process) { return process.pid == child; }));
  kernel::kill_mount_namespace(space.inode(), 60s);
  CHECK(wait_for(child) == SIGKILL);
  CHECK(kernel::processes_in_mount_namespace(space.inode()).empty());
}

TEST_CASE("our own namespace is never killed") {
  require_mounts();
  struct stat own {};
  REQUIRE(::stat("/proc/self/ns/mnt", &own) == 0);
  CHECK_THROWS_WITH(kernel::kill_mount_namespace(own.st_ino, 1s), Catch::Contains("refusing"));
}
