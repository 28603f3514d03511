// Places in the runtime folder where things are mounted on the host. Private to lib/mount.
#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.h"
#include "kernel/mounts.h"

namespace unionroot::mount {

bool is_mount_point(int dir, const std::string& name);
base::UniqueFd open_place(int dir, const std::string& name, int flags);

// The folder `name` with a small tmpfs on it, unless it is mounted already. path: the runtime folder's. mode: 0755 or
// 0700. propagation: as for Mounts::set_attributes.
void make_place(kernel::Mounts& mounts, const base::UniqueFd& runtime, const std::string& path, const std::string& name,
                unsigned mode, std::uint64_t propagation);

// Everything mounted at one place, if something was mounted on top of it meanwhile. path: that of dir/name.
void unmount_all(kernel::Mounts& mounts, int dir, const std::string& name, const std::string& path);

}  // namespace unionroot::mount
