// Block devices by name, without udev: by what /sys lists and by what they hold.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "boot/parameters.h"

namespace unionroot::boot {

struct Device {
  std::string path;
  dev_t number = 0;
  std::string type;   // of its file system; empty: none that is known
  std::string other;  // what it holds instead: "crypto_LUKS", "swap"
  std::string label;  // LABEL=, UUID= ...: for messages
  std::string uuid, part_uuid, part_label;
};

// Whether the name means the device. UUIDs are compared without regard to upper and lower case.
bool is_meant(const DeviceName& name, const Device& device);

// What the open device of this path holds. Never throws: what cannot be read is empty.
Device look_at_device(const std::string& path, const base::UniqueFd& open);

// Of a name in /dev/mapper: the device that the kernel has under it, "/dev/dm-0", since a link there is udev's work.
// Empty: there is none by now.
std::string mapped_device(const std::string& path);

// "/dev/vdb (ext4, LABEL=data)", one after another; "none": for people who typed a name wrong.
std::string list_devices(const std::vector<Device>& devices);

// What several devices of one name mean: for a lower layer the first is taken, with a warning. An upper layer is
// written to, so it is refused.
enum class Several { first, refused };

// Waits until there is such a device; then what it is. Throws Error(timed_out) that lists what there is, and
// Error(failed) if it is no block device, or if there are several.
Device wait_for_device(const DeviceName& name, std::chrono::seconds limit, Several several);

}  // namespace unionroot::boot
