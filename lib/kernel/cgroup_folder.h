// A control group of version 2 as a folder: its processes and its removal. `parent` is the folder that contains the
// group, `folder` is the group's name in it. All functions throw SystemError. It is no error if the group disappears
// meanwhile.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::kernel {

using KillClock = std::chrono::steady_clock;

// The group's folder, open for reading; empty if there is none.
base::UniqueFd try_open_group(int parent, const std::string& folder);

// The groups beneath a group. A group has about twenty files, so the listing tells which entries are folders, without a
// call for each.
std::vector<std::string> children_of(int group);

// Adds the processes of the group and of the groups beneath it to `pids`.
void collect_processes(int group, std::vector<pid_t>& pids);

// Writes to cgroup.kill if the group has a process. This ends frozen processes too.
void kill_group(int group);

// Removes the group and those beneath it. False if it is not empty yet: a killed process leaves it a little later.
bool remove_groups(int parent, const std::string& folder);

// Waits until the killed processes have ended, then removes the group. Kills processes that enter it meanwhile. Throws
// Error(timed_out) with the remaining pids at the time `end`. `whose`: the owner of the group, for the message.
void end_group(int parent, const std::string& folder, const std::string& whose, KillClock::time_point end);

}  // namespace unionroot::kernel
