// Finds block devices by name, without udev. It reads the list in /sys, and what the devices hold.
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
  std::string type;   // of its file system; empty: no known one
  std::string other;  // type of other content: "crypto_LUKS", "swap"
  std::string label;  // of its file system
  std::string uuid, part_uuid, part_label;
};

// Whether the name is one of this device. UUIDs are compared without regard to upper and lower case.
bool is_meant(const DeviceName& name, const Device& device);

// Reads what the open device holds. Never throws: a field that cannot be read stays empty.
Device look_at_device(const std::string& path, const base::UniqueFd& open);

// The kernel's device for /dev/mapper/NAME or /dev/VG/LV: "/dev/dm-0". udev would make a link there, but may not run
// yet. Empty: there is no such device yet.
std::string mapped_device(const std::string& path);

// For messages, so that people see a name that they typed wrong: "/dev/vdb (ext4, LABEL=data)", separated by commas;
// "none" if there are none.
std::string list_devices(const std::vector<Device>& devices);

// What to do if several devices have the name. For a lower layer the first is used, with a warning. An upper layer is
// written to, so it is refused.
enum class Several { first, refused };

// Waits until the device exists, and returns it. Throws Error(timed_out), which lists the devices that exist, and
// Error(failed) if it is no block device, or if several match and that is refused.
Device wait_for_device(const DeviceName& name, std::chrono::seconds limit, Several several);

}  // namespace unionroot::boot
