// Reads the shares of processors, disks and memory that the kernel gives a process.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "launch/spec.h"

namespace unionroot::launch {

// The scheduling that a child of the process would have, according to fork(2) and sched(7). oom_score_adjust: the text
// of the process's file in /proc. The process is identified by its number: the caller must check afterwards that the
// number still belongs to it. Throws SystemError.
Scheduling scheduling_of(pid_t pid, std::string_view oom_score_adjust);

}  // namespace unionroot::launch
