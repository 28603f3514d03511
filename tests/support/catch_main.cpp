#define CATCH_CONFIG_RUNNER
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "skip.h"

namespace {

// What nohup(1) or a script that put the tests into the background ignores, the programs under test would ignore too.
void have_usual_signals() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction current {};
    if (number == SIGPIPE || ::sigaction(number, nullptr, &current) != 0 || current.sa_handler != SIG_IGN) continue;
    current.sa_handler = SIG_DFL;
    ::sigaction(number, &current, nullptr);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Started without them, a test would have a pipe or a file of its own for its standard input.
void have_standard_descriptors() {
  int number = -1;
  do number = ::open("/dev/null", O_RDWR);
  while (number >= 0 && number <= STDERR_FILENO);
  if (number >= 0) ::close(number);
}

}  // namespace

int main(int count, char** arguments) {
  have_standard_descriptors();
  have_usual_signals();
  return unionroot::tests::report_skips(Catch::Session().run(count, arguments));
}
