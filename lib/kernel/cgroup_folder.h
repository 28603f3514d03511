// A control group of version 2 as a folder: its processes, its end. Each function takes the folder that holds the
// group, and the group's name in it. All throw SystemError. A group that has gone meanwhile is no error.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::kernel {

using KillClock = std::chrono::steady_clock;

// The group's folder, readable, or empty if there is none.
base::UniqueFd try_open_group(int parent, const std::string& folder);

// Each group has some twenty files, so its children are told by what the listing says of them.
std::vector<std::string> children_of(int group);

// Of the group and those beneath it; added to pids.
void collect_processes(int group, std::vector<pid_t>& pids);

// cgroup.kill, if there is a process. Frozen ones end by it too.
void kill_group(int group);

// Removes the group and those beneath it. False if it is not empty yet: a killed process may take a moment to leave.
bool remove_groups(int parent, const std::string& folder);

// Waits for the end of whatever was killed, and removes the group; kills what comes into it meanwhile. Gives up with
// Error(timed_out) naming the pids that remain. whose: for the message.
void end_group(int parent, const std::string& folder, const std::string& whose, KillClock::time_point end);

}  // namespace unionroot::kernel
