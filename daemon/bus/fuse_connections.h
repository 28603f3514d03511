// FUSE connections of this machine. See fuse.rst of the kernel, "Control filesystem".
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace unionroot::daemon {

// Aborts the user's connections that have unanswered requests; each of these requests fails with ECONNABORTED. An abort
// ends the mount for all who use it, so root's connections are never aborted. Returns the number of aborted
// connections. Logs failures.
std::size_t abort_waiting_fuse_connections(uid_t user);

}  // namespace unionroot::daemon
