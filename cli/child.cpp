#include "cli/child.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"
#include "cli/exit_status.h"

extern "C" char** environ;

namespace unionroot::cli {

namespace {

constexpr int to_pass_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

// A signal from a key on the terminal reached the command too: it is in the same process group.
bool from_terminal(const siginfo_t& info) { return info.si_code == SI_KERNEL; }

// Signals that nohup(1), or a script that started us in the background, has set to be ignored: they must not end us. If
// blocked, they would be kept pending even so (signal(7)).
bool is_ignored(int number) {
  struct sigaction current {};
  return ::sigaction(number, nullptr, &current) == 0 && current.sa_handler == SIG_IGN;
}

// cron(8) sets a PATH without the sbin folders.
std::string where_it_is(const std::string& command) {
  const auto* const path = std::getenv("PATH");
  const auto searched = base::concat("PATH is ", path == nullptr ? "not set" : base::printable(path));
  if (command.find('/') == std::string::npos)
    for (const char* const folder : {"/usr/sbin/", "/sbin/", "/usr/local/sbin/"})
      if (const auto place = folder + command; ::access(place.c_str(), X_OK) == 0)
        return base::concat(searched, ": use ", base::printable(place), ", or set PATH");
  return base::concat("check its name; ", searched);
}

[[noreturn]] void cannot_start(const std::string& command, int error) {
  const bool missing = error == ENOENT;
  throw base::Error(missing ? base::ErrorCode::command_not_found : base::ErrorCode::command_not_executable,
                    base::SystemError(error, base::concat("running ", base::printable(command))).what(),
                    missing ? where_it_is(command) : "check that it is a program that you may execute");
}

// Owns the attributes and actions of posix_spawn(3).
struct SpawnOptions {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  SpawnOptions() {
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_init(&actions);
  }
  SpawnOptions(const SpawnOptions&) = delete;
  SpawnOptions& operator=(const SpawnOptions&) = delete;
  ~SpawnOptions() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
};

}  // namespace

HeldSignals::HeldSignals() {
  ::sigemptyset(&held_);
  for (const int number : to_pass_on)
    if (!is_ignored(number)) ::sigaddset(&held_, number);
  ::sigaddset(&held_, SIGCHLD);
  base::check(::sigprocmask(SIG_BLOCK, &held_, &before_), "holding signals back");
}

HeldSignals::~HeldSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

int HeldSignals::interrupted() const {
  sigset_t pending;
  if (::sigpending(&pending) != 0) return 0;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
    if (::sigismember(&held_, number) == 1 && ::sigismember(&pending, number) == 1) return number;
  return 0;
}

int HeldSignals::run(const std::vector<std::string>& command, const std::vector<int>& kept) const {
  SpawnOptions options;
  ::posix_spawnattr_setsigmask(&options.attributes, &before_);
  ::posix_spawnattr_setflags(&options.attributes, POSIX_SPAWN_SETSIGMASK);
  // A dup2 onto itself clears close-on-exec, in the child alone.
  for (const int descriptor : kept) ::posix_spawn_file_actions_adddup2(&options.actions, descriptor, descriptor);
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int error =
      ::posix_spawnp(&child, arguments[0], &options.actions, &options.attributes, arguments.data(), environ);
  if (error != 0) cannot_start(command.front(), error);
  base::fault_point("after starting a command under a lock");
  return wait_for(child);
}

int HeldSignals::wait_for(pid_t child) const {
  while (true) {
    int status = 0;
    const pid_t ended = base::check(::waitpid(child, &status, WNOHANG), "waiting for the command");
    if (ended == child && WIFEXITED(status)) return WEXITSTATUS(status);
    if (ended == child) return killed_base + WTERMSIG(status);
    siginfo_t info{};
    const int number = ::sigwaitinfo(&held_, &info);
    if (number < 0 && errno != EINTR) base::throw_errno("waiting for the command");
    // A child that has ended meanwhile is a zombie, so its pid is not reused.
    if (number > 0 && number != SIGCHLD && !from_terminal(info)) ::kill(child, number);
  }
}

}  // namespace unionroot::cli
