// What holds the upper layer: memory, a device, or the image of a file system in a file on a device.
#pragma once

#include <string>

#include "base/unique_fd.h"
#include "boot/plan.h"
#include "kernel/mounts.h"

namespace unionroot::boot {

struct Backing {
  base::UniqueFd tree;   // a detached mount of the file system that holds the layer
  base::UniqueFd store;  // of the one that holds the image, if it is one
  std::string name;      // in_memory, "/dev/vdb", "/changes.img on /dev/vdb"
  std::string check;     // check_file_system(); empty for memory
};

// Waits for the device, and checks what it holds. lower: the root, which cannot hold its own changes. Throws Error.
Backing make_backing(kernel::Mounts& mounts, const UpperPlan& upper, const Plan& plan, int lower);

}  // namespace unionroot::boot
