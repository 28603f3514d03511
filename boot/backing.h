// The backing holds the upper layer. It is memory, a device, or a file system image in a file on a device.
#pragma once

#include <string>

#include "base/unique_fd.h"
#include "boot/plan.h"
#include "kernel/mounts.h"

namespace unionroot::boot {

struct Backing {
  base::UniqueFd tree;   // a detached mount of the file system that holds the layer
  base::UniqueFd store;  // a detached mount of the file system that holds the image; empty: there is no image
  std::string name;      // in_memory, "/dev/vdb", "/changes.img on /dev/vdb"
  std::string check;     // result of check_file_system(); empty for memory
};

// Waits for the device and checks its file system. lower: the root; a device that holds the root is refused. Throws
// Error.
Backing make_backing(kernel::Mounts& mounts, const UpperPlan& upper, const Plan& plan, int lower);

}  // namespace unionroot::boot
