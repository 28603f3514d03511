// Puts the command's process into its caller's environment: control groups, scheduling, I/O and memory priority.
#pragma once

#include "launch/helper/spec_reader.h"

namespace unionroot::helper {

// Joins the control group with this folder. A fork there would fail if the group, or one above it, has as many
// processes as pids.max allows, but a process may join. So this function fails too, with EAGAIN, after joining. False
// with errno.
bool join_group(int folder);

// Joins the caller's groups of version 1. On failure `which` is the group that cannot be joined.
bool join_groups(const Spec& spec, const char*& which);

// Takes over the caller's scheduling. A priority that this process may not set (EPERM, as without CAP_SYS_NICE in a
// container) is left as it is. False with errno.
bool take_scheduling(const launch::wire::Scheduling& scheduling);

}  // namespace unionroot::helper
