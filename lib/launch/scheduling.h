// How the kernel shares things out to a process.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "launch/spec.h"

namespace unionroot::launch {

// What a child of the process would have, in which it is as fork(2) and sched(7) say. oom_score_adjust: the text of its
// file in /proc. By its number: whoever asks makes sure that the number was still its own afterwards. Throws
// SystemError.
Scheduling scheduling_of(pid_t pid, std::string_view oom_score_adjust);

}  // namespace unionroot::launch
