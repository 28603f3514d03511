// Nothing can write to a block device that is locked, whatever is mounted how. Of the program alone: a test that called
// it would lock the disk of the machine that it runs on.
#pragma once

namespace unionroot::boot {

// BLKROSET on the block device that holds the file system of this descriptor, if it is on one: an init that knows
// nothing of a read-only root mounts it for writing. What keeps it from that is told.
void lock_block_device(int tree);

}  // namespace unionroot::boot
