// The file system on a device is checked before it is mounted, by its own program, where there is one.
#pragma once

#include <string>

#include "boot/devices.h"

namespace unionroot::boot {

// fsck.mode=, as systemd-fsck@.service(8) has it.
enum class CheckMode { automatic, forced, skipped };

// What came of it: "clean", "repaired", "none" (no program for it, or skipped), "failed" (the program could not do it);
// told. Throws Error(failed) if errors are left, with what the program said.
std::string check_file_system(const Device& device, CheckMode mode);

}  // namespace unionroot::boot
