// The limits of a control group of version 2, for a command that outlives its caller. Such a command cannot stay in its
// caller's unit: it would end with it (systemd.kill(5)). So its group is beside that unit, in the slice that holds it,
// and gets the tightest of the limits that hold from there down to its caller.
//
// A limit of a unit is one of its controllers, and so the slice has given that controller to all of its children: each
// of the limits can be set there. Our own group could not take them, since it has processes (the kernel's "no internal
// process" rule).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::kernel {

// The file of each limit, and what is written to it.
using CallerLimits = std::map<std::string, std::string>;

// The start of a group's path that is of slices alone: "/user.slice/user-1000.slice"; "/" if it begins with none.
std::string lasting_part(const std::string& path);

// folders: of the groups below that, each in the one before it; the last is the caller's. Throws Error(access_denied)
// for a limit that is not known here, and so cannot be set for another group.
CallerLimits limits_of(const std::vector<std::string>& folders);

// Throws Error(access_denied) if a program is attached to one of them (bpf(2)): it cannot be had for another group.
// SystemError, if that is not to be learnt.
void require_no_programs(const std::vector<std::string>& folders);

// Sets them for a group that has no process yet, and makes one in it for the command. The outer one gives its
// controllers to that: so systemd(1), which takes a controller from a slice when no unit there needs it, cannot take
// these. group: a descriptor of its folder. Throws SystemError.
base::UniqueFd limited_group(int group, const CallerLimits& limits);
inline constexpr char limited_group_name[] = "command";

}  // namespace unionroot::kernel
