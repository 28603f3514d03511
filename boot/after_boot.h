// What is left in /run for the time after the boot: what was laid and why, and what keeps the services of the machine
// from undoing it.
#pragma once

#include <string>

#include "boot/layers.h"

namespace unionroot::boot {

// "state=overlay\ndegraded=no\n..."; a value is one line. Pure.
std::string status_text(const Laid& laid, const Plan& plan);

// Makes <run>/unionroot/boot/status; <run>/systemd, /issue.d, /motd.d where they are needed. What cannot be written is
// told. lower: a descriptor of the lower layer.
void leave_for_after_boot(const std::string& run, const Laid& laid, const Plan& plan, int lower);

// A file beneath /run.
void write_for_after_boot(const std::string& path, std::string_view text);

// systemd does not start the unit on this boot; it counts as neither started nor failed.
void pass_over_unit(const std::string& run, const std::string& unit);

}  // namespace unionroot::boot
