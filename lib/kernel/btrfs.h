// btrfs subvolumes, by ioctls of the file system.
#pragma once

#include <string>

namespace unionroot::kernel {

// True if the descriptor refers to the root of a subvolume.
bool is_subvolume(int directory);

// Makes folder/name a writable snapshot of the subvolume `source`. Subvolumes beneath the source are not included: they
// are empty folders in the snapshot (btrfs-subvolume(8)). Throws SystemError.
void make_snapshot(int source, int folder, const std::string& name);

// Deletes the subvolume folder/name and the subvolumes beneath it. Users control the names inside, so these are opened
// only beneath it and never through a symbolic link. False if folder/name does not exist. Throws SystemError.
bool delete_subvolume(int folder, const std::string& name);

}  // namespace unionroot::kernel
