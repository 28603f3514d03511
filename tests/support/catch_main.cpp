#define CATCH_CONFIG_RUNNER
#include <signal.h>

#include <catch2/catch.hpp>

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

}  // namespace

int main(int count, char** arguments) {
  have_usual_signals();
  return Catch::Session().run(count, arguments);
}
