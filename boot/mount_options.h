// The options of a mount as an administrator writes them: "rw,noatime,mode=755". Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/mounts.h"

namespace unionroot::boot {

struct MountWords {
  std::uint64_t attributes = 0;  // MOUNT_ATTR_*, of the mount
  kernel::MountOptions options;  // of the file system
  bool read_only = false;        // "ro"; it is in neither of the others

  [[nodiscard]] std::string text() const;  // for messages and tests
  bool operator==(const MountWords&) const = default;
};

// nullopt if it is no list of options. Words for mount(8) and fstab alone (defaults, nofail, x-...) are passed over.
std::optional<MountWords> parse_mount_options(std::string_view text);

}  // namespace unionroot::boot
