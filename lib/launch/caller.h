// What a run takes over from the process that asked for it.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <utility>
#include <vector>

namespace unionroot::launch {

// Every resource limit of a living process, as pairs of RLIMIT_* and values: prlimit(2). Throws SystemError.
// The caller of this makes sure that the pid is still the process that it means.
std::vector<std::pair<int, rlimit>> rlimits_of(pid_t pid);

// Its file mode creation mask, from /proc/PID/status. Throws Error.
mode_t umask_of(pid_t pid);

}  // namespace unionroot::launch
