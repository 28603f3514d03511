// Where the program's messages go: /dev/console, the kernel's log (and so the journal), and a file for after the boot.
// console_log.cpp is the other definition of base/log.h, for this program.
#pragma once

#include <string>

namespace unionroot::boot {

// From now on messages are kept in the file too, those from before first.
void keep_log(const std::string& file);

}  // namespace unionroot::boot
