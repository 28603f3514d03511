// Mount options as an administrator writes them: "rw,noatime,mode=755". Pure.
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
  bool read_only = false;        // "ro"; neither of the others has it

  [[nodiscard]] std::string text() const;  // for messages and tests
  bool operator==(const MountWords&) const = default;
};

// nullopt if the text is no list of options. Words that only mount(8) and fstab know (defaults, nofail, x-...) are
// skipped.
std::optional<MountWords> parse_mount_options(std::string_view text);

}  // namespace unionroot::boot
