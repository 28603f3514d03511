// Mount points on the host, in the runtime folder. Private to lib/mount.
#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.h"
#include "kernel/mounts.h"

namespace unionroot::mount {

bool is_mount_point(int dir, const std::string& name);
bool is_mount_root(int descriptor);  // of what the descriptor refers to
base::UniqueFd open_place(int dir, const std::string& name, int flags);

struct Place {
  const char* name;               // name in the runtime folder
  unsigned mode;                  // 0755 or 0700
  std::uint64_t propagation = 0;  // as for Mounts::set_attributes
  bool read_only = false;         // of this mount; writers use a clone
};
// Makes the folder and mounts a small tmpfs on it, unless one is mounted already. A mount of an earlier version gets
// the present mode and attributes. `path`: the path of the runtime folder.
void make_place(kernel::Mounts& mounts, const base::UniqueFd& runtime, const std::string& path, const Place& place);

// A detached, writable clone of what is mounted at the place. It is unmounted when its descriptor is closed.
base::UniqueFd writable_clone(kernel::Mounts& mounts, const base::UniqueFd& place);

// Mounts::open_in_root; empty if the path leads nowhere.
base::UniqueFd try_open_in_root(kernel::Mounts& mounts, int root, const std::string& path, int flags);

// Unmounts everything at one place, since something may have been mounted on top. `path`: the path of dir/name.
void unmount_all(kernel::Mounts& mounts, int dir, const std::string& name, const std::string& path);

}  // namespace unionroot::mount
