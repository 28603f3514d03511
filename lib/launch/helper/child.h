// The command's process, until it executes something.
#pragma once

#include <sys/types.h>

namespace unionroot::helper {

struct Child {
  pid_t pid = -1;
  int pidfd = -1;
};

// Runs function(argument) in a child, with a copy of the memory; what it returns is its exit status. The parent goes on
// at once: before it executes something the child becomes the user, who can stop it for good. cgroup: a directory's
// descriptor, or -1; in_cgroup tells the child whether it was born there, or has to join by itself. False with errno.
//
// CLONE_INTO_CGROUP, because moving a process by cgroup.procs takes a lock that may wait for an RCU grace period,
// milliseconds on a busy machine. Where that is refused, or clone3 is not there, the child has to join. EAGAIN stays:
// the group has as many processes as it may (pids.max), which joining does not heed.
//
// The memory is not shared (CLONE_VM): the child would need a stack of its own, and to get onto it from clone3 takes
// assembly for each architecture. For a process as small as this one the copy costs some 25 us.
bool fork_child(int cgroup, bool& in_cgroup, int (*function)(void*), void* argument, Child& child);

}  // namespace unionroot::helper
