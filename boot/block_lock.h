// Locks a block device: nothing can write to it then, however it is mounted. This file is part of the program, not of
// the library: a test that called it would lock the disk of its machine.
#pragma once

namespace unionroot::boot {

// Sets BLKROSET on the block device that holds the file system of this descriptor, if there is one. An init that does
// not know of a read-only root would mount it for writing. Errors are logged.
void lock_block_device(int tree);

}  // namespace unionroot::boot
