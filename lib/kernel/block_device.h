// The block device beneath a mounted tree.
#pragma once

#include <sys/types.h>

#include "base/unique_fd.h"

namespace unionroot::kernel {

// Opens the block device with this number for reading. Empty if no block device has the number, as for memory, a
// network, or a file system on several devices. Needs /sys and /dev. Throws SystemError.
base::UniqueFd open_block_device(dev_t number);

}  // namespace unionroot::kernel
