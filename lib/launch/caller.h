// What a run takes over from the process that asked for it.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <string_view>
#include <utility>
#include <vector>

namespace unionroot::launch {

// Every resource limit of a living process, as pairs of RLIMIT_* and values, from /proc/PID/limits. Throws Error.
// The caller of this makes sure that the pid is still the process that it means.
std::vector<std::pair<int, rlimit>> rlimits_of(pid_t pid);

// The text of /proc/PID/limits; lines that are not understood are passed over.
std::vector<std::pair<int, rlimit>> parse_limits(std::string_view text);

// Its file mode creation mask, from /proc/PID/status. Throws Error.
mode_t umask_of(pid_t pid);

}  // namespace unionroot::launch
