// Files whose content root executes in sessions. They must belong to root.
#pragma once

#include <string>

#include "base/unique_fd.h"

namespace unionroot::source {

// Opens a regular file for reading. Throws Error(stage_failed) unless it belongs to root and nobody else can write to
// it: its content becomes root's programs and devices.
base::UniqueFd open_trusted_file(const std::string& chroot, const std::string& what, const std::string& path);
// Applies the same check of owner and mode to a descriptor.
void require_root_owned(int file, const std::string& chroot, const std::string& path);

// Returns an empty text if the file may be a tarball: it begins like one, or like a compressed file. Else returns what
// is wrong. The content of a compressed file is not checked.
std::string tarball_fault(int file, const std::string& path);

}  // namespace unionroot::source
