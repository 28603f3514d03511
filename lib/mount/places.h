// Places in the runtime folder where things are mounted on the host. Private to lib/mount.
#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.h"
#include "kernel/mounts.h"

namespace unionroot::mount {

bool is_mount_point(int dir, const std::string& name);
bool is_mount_root(int descriptor);  // what the descriptor leads to
base::UniqueFd open_place(int dir, const std::string& name, int flags);

struct Place {
  const char* name;               // in the runtime folder
  unsigned mode;                  // 0755 or 0700
  std::uint64_t propagation = 0;  // as for Mounts::set_attributes
  bool read_only = false;         // this mount of it; whoever writes there clones it
};
// The folder with a small tmpfs on it, unless it is mounted already. One that a former version mounted gets the mode
// and the attributes of now. path: the runtime folder's.
void make_place(kernel::Mounts& mounts, const base::UniqueFd& runtime, const std::string& path, const Place& place);

// A detached clone of what is mounted at the place, which can be written to. It goes with the descriptor.
base::UniqueFd writable_clone(kernel::Mounts& mounts, const base::UniqueFd& place);

// Mounts::open_in_root; empty if the path leads to nothing.
base::UniqueFd try_open_in_root(kernel::Mounts& mounts, int root, const std::string& path, int flags);

// Everything mounted at one place, if something was mounted on top of it meanwhile. path: that of dir/name.
void unmount_all(kernel::Mounts& mounts, int dir, const std::string& name, const std::string& path);

}  // namespace unionroot::mount
