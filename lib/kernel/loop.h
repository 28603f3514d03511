// Loop devices: a file, or a part of it, as a block device.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/unique_fd.h"

namespace unionroot::kernel {

struct LoopPart {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;  // 0: to the end
};

// A loop device with autoclear: it goes when nobody has it open and nothing on it is mounted. So it needs no record and
// no tear-down, and a daemon that dies leaves none.
struct LoopDevice {
  base::UniqueFd descriptor;
  std::string path;  // "/dev/loop7"
};

// `file` is what the device shows as its backing file, for people. Throws SystemError, or Error(not_supported) where
// there is no /dev/loop-control.
LoopDevice attach_loop(int backing, const std::string& file, const LoopPart& part, bool read_only);

// A loop device that has this file behind it, if there is one. An image that is mounted twice for writing is destroyed.
// Reads /sys/block: some 10 us for each loop device there is.
std::optional<dev_t> loop_device_of(int backing);

}  // namespace unionroot::kernel
