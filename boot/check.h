// Checks the file system on a device before it is mounted. Each type is checked by its own program, if that exists.
#pragma once

#include <string>

#include "boot/devices.h"

namespace unionroot::boot {

// fsck.mode=, as in systemd-fsck@.service(8).
enum class CheckMode { automatic, forced, skipped };

// Returns the result, and logs it: "clean", "repaired", "none" (skipped, or there is no program for the type) or
// "failed" (the program could not do the check). Throws Error(failed) with the program's output if it leaves errors.
std::string check_file_system(const Device& device, CheckMode mode);

}  // namespace unionroot::boot
