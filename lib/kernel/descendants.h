// Ends the processes that others have started, wherever they are now. A user may have moved them to another control
// group or into new namespaces. They stay descendants of their supervisor, which adopts orphans (prctl(2),
// PR_SET_CHILD_SUBREAPER).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::kernel {

struct Ancestor {
  pid_t pid = 0;
  base::UniqueFd pidfd;
};

// Stops and kills all descendants of the ancestors. An ancestor ends when it has no descendants any more. Returns when
// all ancestors have ended, or have had no descendants for one second. After `limit` throws Error(timed_out) with the
// pids that remain.
void end_descendants(const std::vector<Ancestor>& ancestors, std::chrono::milliseconds limit);

// Sends the signal to each descendant of this one. SIGKILL leaves none, whatever they start meanwhile. How many there
// were; 0 if the ancestor has ended. Throws SystemError.
std::size_t signal_descendants(const Ancestor& ancestor, int number);

}  // namespace unionroot::kernel
