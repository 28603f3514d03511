// Ends what processes have started, wherever that is by now: a user may have moved it to another control group, or into
// namespaces of his own. It stays a descendant of its supervisor, which adopts orphans (prctl(2),
// PR_SET_CHILD_SUBREAPER).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::kernel {

struct Ancestor {
  pid_t pid = 0;
  base::UniqueFd pidfd;
};

// Stops and kills all descendants of these, until each of them has ended, as it does when it has none any more, or has
// none for a while. Then, after `limit`, Error(timed_out) naming the pids that remain.
void end_descendants(const std::vector<Ancestor>& ancestors, std::chrono::milliseconds limit);

}  // namespace unionroot::kernel
