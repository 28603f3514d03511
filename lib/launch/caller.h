// What a run takes over from the process that asked for it.
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
  Limits limits;                   // every one that the process has; none: this process's own hold
  mode_t umask = 022;              // its file mode creation mask
  bool no_new_privileges = false;  // its first thread has that flag of prctl(2)
  std::string control_groups;      // the text of its /proc/PID/cgroup
  std::optional<Scheduling> scheduling;
  base::UniqueFd network;  // the namespace that its first thread is in; none: this process's own, or it was not asked
  std::optional<unsigned long> personality;  // as far as a set-uid program would keep it; nullopt: the usual one
};

// From /proc/PID of a living process that started then (nullopt: whenever; process_identity.h). Its real, effective,
// saved and file system uid must all be `uid`, before and after the reading: a process that has become set-uid may have
// raised its limits by a right that the caller does not have. Throws Error(access_denied) if it is not so, or if it has
// ended. Root is spared that: it could raise any limit. Then only the flag, the control groups and the network are
// taken over, and the defaults above hold. network: whether it is asked for. Throws Error(not_supported) if it is
// another one and this process may not have it. In a network that is not of this process's user namespace (one that the
// user made by `unshare --user --net`) the flag is set in any case: whoever rules over the network must not have a
// set-uid program in it.
Inherited inherited_from(pid_t pid, std::optional<std::uint64_t> start_time, uid_t uid, bool network);

// The text of /proc/PID/limits; lines that are not understood are passed over.
Limits parse_limits(std::string_view text);

// Whether the text of /proc/PID/status names this uid four times, and no other.
bool is_all(std::string_view status, uid_t uid);

}  // namespace unionroot::launch
