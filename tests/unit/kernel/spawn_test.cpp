// What a program that this process starts inherits of it.
#include "kernel/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/command.h"

using namespace unionroot;
using base::UniqueFd;

namespace {

std::string output_of(std::vector<std::string> words) {
  return kernel::run_or_throw({std::move(words), std::chrono::minutes(2), {}, {}});
}

struct Pipe {
  UniqueFd read_end, write_end;
};

// As code makes it that cannot say close-on-exec at once: both ends are handed on by a plain exec.
Pipe careless_pipe() {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool at_end(const UniqueFd& read_end) {
  pollfd wanted{read_end.get(), POLLIN, 0};
  constexpr int limit = 60'000;  // milliseconds
  return ::poll(&wanted, 1, limit) == 1 && (wanted.revents & POLLHUP) != 0;
}

}  // namespace

TEST_CASE("a program has its three descriptors, whatever this process has") {
  const UniqueFd low(::open("/dev/null", O_RDWR));
  const UniqueFd high(::fcntl(low.get(), F_DUPFD, 300));
  REQUIRE(high);
  CHECK(output_of({"ls", "/proc/self/fd"}) == "0\n1\n2\n3\n");  // 3: the folder that is listed
}

TEST_CASE("descriptors get their numbers, whatever numbers they had; one that is missing is closed") {
  auto [read_end, write_end] = careless_pipe();
  kernel::SpawnRequest request;
  request.path = "/bin/sh";
  request.arguments = {"sh", "-c", "ls /proc/self/fd >&4"};
  request.environment = {"PATH=/usr/bin:/bin"};
  // Crossed: each number is that of another's source, where the test has them so low.
  request.descriptors = {-1, write_end.get(), STDERR_FILENO, -1, write_end.get()};
  const auto spawned = kernel::spawn(request);
  write_end.reset();
  std::string text(100, '\0');
  ssize_t size = 0;
  for (ssize_t count; (count = ::read(read_end.get(), &text[static_cast<std::size_t>(size)], 50)) > 0;) size += count;
  text.resize(static_cast<std::size_t>(size));
  siginfo_t info{};
  REQUIRE(::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(spawned.pidfd.get()), &info, WEXITED) == 0);
  CHECK(info.si_status == 0);
  CHECK(text == "0\n1\n2\n4\n");  // 0 is the folder
}

TEST_CASE("pipes that other threads make meanwhile are not kept open by programs that run on") {
  std::atomic<bool> done = false;
  std::atomic<int> running = 0;
  std::vector<std::thread> starters;
  for (int i = 0; i < 8; ++i)
    starters.emplace_back([&] {
      while (!done) {
        kernel::Command command;
        command.words = {"sleep", "6000"};
        command.limit = std::chrono::hours(1);
        bool counted = false;
        command.cancelled = [&] {  // asked once it runs
          if (!std::exchange(counted, true)) ++running;
          return done.load();
        };
        try {
          kernel::run_command(command);
        } catch (const base::Error&) {
          // It was cancelled.
        }
      }
    });
  std::vector<Pipe> pipes;
  while (running < 8) pipes.push_back(careless_pipe());
  bool all = true;
  for (auto& pipe : pipes) pipe.write_end.reset();
  for (const auto& pipe : pipes) all = all && at_end(pipe.read_end);
  done = true;
  for (auto& starter : starters) starter.join();
  CHECK(all);
}

TEST_CASE("what this process ignores and blocks, its umask and its folder are not handed on") {
  struct Kept {
    mode_t mask = ::umask(0177);
    UniqueFd folder{::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    sigset_t blocked{};
    ~Kept() {
      ::umask(mask);
      if (::fchdir(folder.get()) != 0) ::abort();
      ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
    }
  } kept;
  REQUIRE(::chdir("/proc") == 0);
  sigset_t some;
  ::sigemptyset(&some);
  ::sigaddset(&some, SIGUSR2);
  ::sigaddset(&some, SIGRTMAX);
  REQUIRE(::sigprocmask(SIG_BLOCK, &some, &kept.blocked) == 0);
  // 33 is the C library's own: sigaction(3) does not take it.
  const std::uint64_t ignore[4] = {1, 0, 0, 0};
  const int ignored[] = {SIGPIPE, SIGUSR1, 33, SIGRTMIN, SIGRTMAX};
  std::uint64_t before[std::size(ignored)][4];
  for (std::size_t i = 0; i < std::size(ignored); ++i)
    REQUIRE(::syscall(SYS_rt_sigaction, ignored[i], ignore, before[i], sizeof(std::uint64_t)) == 0);
  const auto status = output_of({"grep", "-E", "^(Umask|SigBlk|SigIgn):", "/proc/self/status"});
  const auto folder = output_of({"readlink", "/proc/self/cwd"});
  for (std::size_t i = 0; i < std::size(ignored); ++i)
    ::syscall(SYS_rt_sigaction, ignored[i], before[i], nullptr, sizeof(std::uint64_t));
  const std::string none(16, '0');
  CHECK(status == base::concat("Umask:\t0022\nSigBlk:\t", none, "\nSigIgn:\t", none, "\n"));
  CHECK(folder == "/\n");
}

TEST_CASE("a program leads a process session of its own") {
  // pid, group and session: ps(1).
  const auto fields = base::split(output_of({"sh", "-c", "echo $$ $(cut -d' ' -f5,6 /proc/$$/stat)"}), ' ');
  REQUIRE(fields.size() == 3);
  CHECK(fields[0] == fields[1]);
  CHECK(fields[0] + "\n" == fields[2]);
}

TEST_CASE("a program has the limit of open files that this process was started with") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE(before.rlim_max > 200);
  const rlimit odd{137, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &odd) == 0);
  kernel::raise_open_files_limit();
  kernel::raise_open_files_limit();  // what counts is the first
  rlimit raised{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &raised) == 0);
  CHECK(raised.rlim_cur == before.rlim_max);
  CHECK(output_of({"sh", "-c", "ulimit -Sn"}) == "137\n");
  CHECK(output_of({"sh", "-c", "ulimit -Hn"}) ==
        (before.rlim_max == RLIM_INFINITY ? "unlimited\n" : base::concat(before.rlim_max, "\n")));
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE("a program that cannot be executed leaves no process") {
  kernel::SpawnRequest request;
  request.path = "/dev/null/none";
  request.arguments = {"none"};
  CHECK_THROWS_WITH(kernel::spawn(request), Catch::Contains("executing /dev/null/none: Not a directory"));
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}
