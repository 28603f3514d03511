#include "cli/polkit_agent.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "cli/caller.h"

extern "C" char** environ;

namespace unionroot::cli {

namespace {

constexpr const char* program = "/usr/bin/pkttyagent";
constexpr int patience = 10'000;  // ms, for its start

// In the child, between fork(2) and execve(2): system calls alone. The agent's output is discarded, since the daemon
// reports its errors better.
[[noreturn]] void become_agent(pid_t parent, int notify, char* const* arguments, char* const* environment) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, standard);
  ::fcntl(notify, F_SETFD, 0);
  ::execve(program, arguments, environment);
  ::_exit(127);
}

}  // namespace

bool PolkitAgent::has_terminal() {
  return (::isatty(STDIN_FILENO) == 1 || ::isatty(STDERR_FILENO) == 1) && has_controlling_terminal();
}

PolkitAgent::PolkitAgent(const std::string& address) {
  int ends[2];
  base::check(::pipe2(ends, O_CLOEXEC), "making a pipe");
  const base::UniqueFd ours(ends[0]);
  base::UniqueFd theirs(ends[1]);
  // Without --fallback: with it, polkit 122 finds the agent only in a session of logind, not after su(1).
  std::vector<std::string> words{"pkttyagent", "--notify-fd", std::to_string(theirs.get())};
  std::vector<char*> arguments, variables;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::string bus = base::concat("DBUS_SYSTEM_BUS_ADDRESS=", address);
  for (char** each = environ; *each != nullptr; ++each)
    if (!std::string_view(*each).starts_with("DBUS_SYSTEM_BUS_ADDRESS=")) variables.push_back(*each);
  variables.push_back(bus.data());
  variables.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = base::check(::fork(), "starting pkttyagent");
  if (pid_ == 0) become_agent(parent, theirs.get(), arguments.data(), variables.data());
  theirs.reset();
  // The agent closes its end when it is registered, and when it ends.
  pollfd closed{ours.get(), POLLIN, 0};
  while (::poll(&closed, 1, patience) < 0 && errno == EINTR) continue;
}

PolkitAgent::~PolkitAgent() {
  ::kill(pid_, SIGTERM);
  ::kill(pid_, SIGCONT);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

}  // namespace unionroot::cli
