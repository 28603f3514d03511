// The FUSE connections of this machine: fuse.rst of the kernel, "Control filesystem".
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace unionroot::daemon {

// Aborts those of the user that have requests without an answer; each request then fails with ECONNABORTED. An abort
// ends the mount for all who use it, so nothing of root's is aborted. Returns how many it were. Logs what fails.
std::size_t abort_waiting_fuse_connections(uid_t user);

}  // namespace unionroot::daemon
