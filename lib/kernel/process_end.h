// How a process ended: one value for everything that waits for a process.
#pragma once

#include <sys/wait.h>

#include <string>

namespace unionroot::kernel {

// An exit status above 128 is a status like any other. It does not mean a signal.
struct ProcessEnd {
  enum class How {
    unknown,      // nobody saw the end
    exited,       // value: the exit status
    killed,       // value: the signal
    not_started,  // the program was never executed; value: the status that a shell would return (125 to 127)
  };
  How how = How::unknown;
  int value = 0;

  [[nodiscard]] bool succeeded() const { return how == How::exited && value == 0; }
  bool operator==(const ProcessEnd&) const = default;
};

// From a status of waitpid(2).
inline ProcessEnd process_end(int wait_status) {
  if (WIFSIGNALED(wait_status)) return {ProcessEnd::How::killed, WTERMSIG(wait_status)};
  return {ProcessEnd::How::exited, WEXITSTATUS(wait_status)};
}

// "ended with status 3", "was killed by signal 9": what follows the name of the program in a message.
std::string describe(const ProcessEnd& end);

}  // namespace unionroot::kernel
