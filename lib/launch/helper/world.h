// The command's process takes its place in its caller's world: control groups, scheduling, I/O and memory priority.
#pragma once

#include "launch/helper/spec_reader.h"

namespace unionroot::helper {

// Joins the group that has this folder. A fork there would fail where the group, or one above it, has as many processes
// as it may (pids.max); a process that joins would be let in. So this fails too: EAGAIN. False with errno.
bool join_group(int folder);

// Joins the caller's groups of version 1. `which` is the one that cannot be joined.
bool join_groups(const Spec& spec, const char*& which);

// What this process may not have (EPERM, as without CAP_SYS_NICE in a container), it does not get: then it has less
// than its caller. False with errno.
bool take_scheduling(const launch::wire::Scheduling& scheduling);

}  // namespace unionroot::helper
