#include "terminal/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include "base/error.h"

namespace unionroot::terminal {

Signals::Signals(std::initializer_list<int> numbers) {
  sigset_t wanted;
  ::sigemptyset(&wanted);
  for (const int number : numbers) {
    struct sigaction current {};
    ::sigaction(number, nullptr, &current);
    if (current.sa_handler != SIG_IGN) ::sigaddset(&wanted, number);
  }
  ::pthread_sigmask(SIG_BLOCK, &wanted, &former_);
  descriptor_.reset(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!descriptor_) {
    ::pthread_sigmask(SIG_SETMASK, &former_, nullptr);
    base::throw_errno("preparing for signals");
  }
}

Signals::~Signals() { ::pthread_sigmask(SIG_SETMASK, &former_, nullptr); }

std::optional<int> Signals::take() {
  signalfd_siginfo info{};
  if (::read(descriptor_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

void Signals::act(int number) const { act_on(number, ::getpid()); }

void Signals::stop_group() const {
  struct sigaction current {};
  ::sigaction(SIGTSTP, nullptr, &current);
  if (current.sa_handler != SIG_IGN) act_on(SIGTSTP, 0);
}

void Signals::act_on(int number, pid_t whom) {
  struct sigaction standard {};
  struct sigaction former {};
  standard.sa_handler = SIG_DFL;
  ::sigaction(number, &standard, &former);
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, number);
  ::kill(whom, number);  // it is blocked, so it becomes pending
  sigset_t mask;
  ::pthread_sigmask(SIG_UNBLOCK, &one, &mask);  // now it is delivered
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  ::sigaction(number, &former, nullptr);
}

}  // namespace unionroot::terminal
