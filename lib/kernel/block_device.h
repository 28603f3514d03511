// The device beneath a mounted tree.
#pragma once

#include <sys/types.h>

#include "base/unique_fd.h"

namespace unionroot::kernel {

// The block device of this number, open for reading. Empty where the number is of none: memory, a network, a file
// system of several devices. Needs /sys and /dev. Throws SystemError.
base::UniqueFd open_block_device(dev_t number);

}  // namespace unionroot::kernel
