#include "kernel/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace unionroot::kernel {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::SystemError;
using base::UniqueFd;

namespace {

constexpr std::size_t most_output = std::size_t{64} << 10;
constexpr std::size_t most_errors = std::size_t{4} << 10;

struct Pipe {
  UniqueFd read_end, write_end;
};

Pipe make_pipe() {
  int ends[2];
  base::check(::pipe2(ends, O_CLOEXEC), "making a pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// posix_spawn(3) with its attributes and file actions, which have to be destroyed.
class Spawn {
 public:
  Spawn(int output, int errors) {
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_init(&actions_);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, output, 1);
    ::posix_spawn_file_actions_adddup2(&actions_, errors, 2);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
  ~Spawn() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }

  pid_t start(const std::string& program, const std::vector<std::string>& words) {
    std::vector<char*> arguments;
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char locale[] = "LC_ALL=C";
    char* const environment[] = {path, locale, nullptr};
    pid_t pid = -1;
    const int problem = ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, arguments.data(), environment);
    if (problem != 0) throw SystemError(problem, concat("running ", program));
    return pid;
  }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t actions_{};
};

// A child that is killed, with its process group, and collected, however the wait for it ends.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ < 0) return;
    ::kill(-pid_, SIGKILL);
    collect();
  }
  int collect() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t pid_;
};

// True while there may be more. What is beyond the limit is read and dropped, so that the writer goes on.
bool take(const UniqueFd& from, std::string& into, std::size_t limit) {
  char buffer[4096];
  const auto count = ::read(from.get(), buffer, sizeof buffer);
  if (count < 0 && errno == EINTR) return true;
  if (count <= 0) return false;
  into.append(buffer, std::min(static_cast<std::size_t>(count), limit - into.size()));
  return true;
}

void read_both(const Command& command, Pipe& output, Pipe& errors, CommandResult& result) {
  const auto end = std::chrono::steady_clock::now() + command.limit;
  while (output.read_end || errors.read_end) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0)
      throw Error(ErrorCode::timed_out, concat(command.words.front(), " took longer than ",
                                               command.limit.count() / 1000, " s and was killed"));
    if (command.cancelled && command.cancelled())
      throw Error(ErrorCode::cancelled, concat(command.words.front(), " was cancelled"));
    pollfd wanted[2] = {{output.read_end.get(), POLLIN, 0}, {errors.read_end.get(), POLLIN, 0}};
    const auto pause = std::min<std::chrono::milliseconds::rep>(left.count(), 100);
    if (::poll(wanted, 2, static_cast<int>(pause)) < 0 && errno != EINTR) base::throw_errno("waiting for a command");
    if (wanted[0].revents != 0 && !take(output.read_end, result.output, most_output)) output.read_end.reset();
    if (wanted[1].revents != 0 && !take(errors.read_end, result.errors, most_errors)) errors.read_end.reset();
  }
}

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::string line;
  for (const auto& part : base::split(text, '\n')) line += concat(line.empty() ? "" : "; ", base::printable(part));
  return line;
}

}  // namespace

std::string find_program(const std::string& name) {
  for (const char* folder : {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"}) {
    auto path = folder + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

CommandResult run_command(const Command& command) {
  const auto& name = command.words.front();
  const auto program = find_program(name);
  if (program.empty())
    throw Error(ErrorCode::not_supported, concat("the program ", name, " is not installed"),
                command.package.empty() ? "" : concat("apt-get install ", command.package));
  base::fault_point("command");
  auto output = make_pipe();
  auto errors = make_pipe();
  CommandResult result;
  Child child(Spawn(output.write_end.get(), errors.write_end.get()).start(program, command.words));
  output.write_end.reset();
  errors.write_end.reset();
  read_both(command, output, errors, result);
  result.status = child.collect();
  result.errors = one_line(std::move(result.errors));
  base::fault_point("command done");
  return result;
}

std::string run_or_throw(const Command& command) {
  auto result = run_command(command);
  if (result.status == 0) return std::move(result.output);
  throw Error(ErrorCode::failed, concat(base::printable(base::join(command.words, " ")), " failed with status ",
                                        result.status, result.errors.empty() ? "" : ": ", result.errors));
}

std::vector<std::string> split_words(const std::string& text) {
  std::string blanks = text;
  std::replace(blanks.begin(), blanks.end(), '\t', ' ');
  return base::split(blanks, ' ');
}

}  // namespace unionroot::kernel
