// What a run inherits from the process that asked for it.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "launch/spec.h"

namespace unionroot::launch {

using Limits = std::vector<std::pair<int, rlimit>>;  // RLIMIT_* and its values

struct Inherited {
  Limits limits;                   // all limits of the process; empty: this process's own apply
  mode_t umask = 022;              // its file mode creation mask
  bool no_new_privileges = false;  // the flag of its first thread: prctl(2)
  std::string control_groups;      // the text of its /proc/PID/cgroup
  std::optional<Scheduling> scheduling;
  base::UniqueFd network;                    // that of its first thread; empty: this process's own, or not requested
  std::optional<unsigned long> personality;  // the part that a set-uid program would keep; nullopt: the usual one
};

// Reads /proc/PID of a living process. start_time: when that process started (process_identity.h); nullopt: any time.
// Its real, effective, saved and file system uid must all be `uid`, before and after the reading. Otherwise it may be a
// set-uid process that raised its limits by a right that the caller does not have. Throws Error(access_denied) if that
// is so, or if the process is gone. Root is an exception, since root can raise any limit: then only the flag, the
// control groups and the network are inherited, and the defaults above apply to the rest.
// network: true to inherit the network. Throws Error(not_supported) if it is another one and this process may not
// access it. If the network does not belong to this process's user namespace (`unshare --user --net` of a user), the
// flag is always set: the owner of the network must not run a set-uid program in it.
Inherited inherited_from(pid_t pid, std::optional<std::uint64_t> start_time, uid_t uid, bool network);

// Parses the text of /proc/PID/limits. Skips lines that it does not understand.
Limits parse_limits(std::string_view text);

// True if the text of /proc/PID/status has this uid four times and no other.
bool is_all(std::string_view status, uid_t uid);

}  // namespace unionroot::launch
