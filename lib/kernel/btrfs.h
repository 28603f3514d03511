// Subvolumes of btrfs, by the file system's own calls.
#pragma once

#include <string>

namespace unionroot::kernel {

// True if the descriptor is of the root of a subvolume.
bool is_subvolume(int directory);

// A writable snapshot of the subvolume `source` as folder/name. Subvolumes beneath the source are not part of it: they
// are empty folders there (btrfs-subvolume(8)). Throws SystemError.
void make_snapshot(int source, int folder, const std::string& name);

// Deletes the subvolume folder/name and those made beneath it. Names inside it are somebody else's: they are opened
// beneath it alone and never through a symlink. False if it is not there. Throws SystemError.
bool delete_subvolume(int folder, const std::string& name);

}  // namespace unionroot::kernel
