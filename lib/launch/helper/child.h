// The command's process before its exec.
#pragma once

#include <sys/types.h>

namespace unionroot::helper {

struct Child {
  pid_t pid = -1;
  int pidfd = -1;
};

// Runs function(argument) in a child with a copy of the memory. Its result is the child's exit status. The parent does
// not wait: the child becomes the user before its exec, and the user can stop it for ever. cgroup: a directory's
// descriptor, or -1. in_cgroup tells the child whether it started in the group; otherwise it must join. False with
// errno.
//
// CLONE_INTO_CGROUP is used because a move through cgroup.procs takes a lock that may wait for an RCU grace period:
// milliseconds on a busy machine. If it is refused, or clone3 does not exist, the child must join. EAGAIN is final: the
// group has as many processes as pids.max allows, and joining would ignore that limit.
//
// Memory is not shared (CLONE_VM), because the child would need its own stack, and clone3 needs assembly for each
// architecture to use one. The copy costs some 25 us for a process as small as this one.
bool fork_child(int cgroup, bool& in_cgroup, int (*function)(void*), void* argument, Child& child);

}  // namespace unionroot::helper
