// Files in /run for the time after the boot. They say what was mounted and why, and they keep the machine's services
// from undoing it.
#pragma once

#include <string>

#include "boot/layers.h"

namespace unionroot::boot {

// The text of the status file: "state=overlay\ndegraded=no\n...". Each value is one line. Pure.
std::string status_text(const Laid& laid, const Plan& plan);

// Writes <run>/unionroot/boot/status, and files in <run>/systemd, <run>/initramfs, <run>/issue.d and <run>/motd.d where
// they are needed. Errors are logged. lower: a descriptor of the lower layer.
void leave_for_after_boot(const std::string& run, const Laid& laid, const Plan& plan, int lower);

// Writes a file, and makes its folder if that is missing. Throws Error.
void write_for_after_boot(const std::string& path, std::string_view text);

// Adds a condition to the unit: systemd does not start it on this boot. The unit counts as neither started nor failed.
void pass_over_unit(const std::string& run, const std::string& unit);

}  // namespace unionroot::boot
