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

// A loop device with autoclear: the kernel removes it when nobody has it open and nothing on it is mounted. So it needs
// no record and no tear-down, and a daemon that dies leaves none behind.
struct LoopDevice {
  base::UniqueFd descriptor;
  std::string path;  // "/dev/loop7"
};

// `file`: the name that the device shows to people as its backing file. Throws SystemError, or Error(not_supported) if
// there is no /dev/loop-control.
LoopDevice attach_loop(int backing, const std::string& file, const LoopPart& part, bool read_only);

// A loop device with this backing file, if there is one. Check this before mounting: an image that is mounted twice for
// writing is destroyed. Reads /sys/block, about 10 us for each loop device.
std::optional<dev_t> loop_device_of(int backing);

}  // namespace unionroot::kernel
