#include "launch/helper/pause.h"

#ifdef UNIONROOT_FAULT_POINTS

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault_delay.h"

extern "C" char** environ;

namespace unionroot::helper {

namespace {

const char* delay_wanted() {
  const size_t length = strlen(base::fault_delay_variable);
  for (char* const* variable = environ; variable != nullptr && *variable != nullptr; ++variable)
    if (strncmp(*variable, base::fault_delay_variable, length) == 0 && (*variable)[length] == '=')
      return *variable + length + 1;
  return nullptr;
}

}  // namespace

void wait_a_moment() {
  static uint64_t passed = 0;
  const base::FaultDelay delay(delay_wanted());
  if (!delay.any()) return;
  // Each supervisor calls this a few times only. Without the pid all would wait for the same times.
  const uint64_t own = static_cast<uint64_t>(syscall(SYS_getpid)) << 8;
  delay.wait(own + passed++);
}

}  // namespace unionroot::helper

#endif
