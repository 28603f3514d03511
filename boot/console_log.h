// Messages go to /dev/console, to the kernel's log (and so to the journal), and to a file for the time after the boot.
// console_log.cpp implements base/log.h for this program.
#pragma once

#include <string>

namespace unionroot::boot {

// Writes all earlier messages to the file, and appends all later ones. Throws Error.
void keep_log(const std::string& file);

}  // namespace unionroot::boot
