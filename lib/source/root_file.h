// Files that become root's programs in sessions: they must be root's.
#pragma once

#include <string>

#include "base/unique_fd.h"

namespace unionroot::source {

// A regular file, open for reading. Refused unless it is root's and nobody else can write to it, since what is in it
// becomes root's programs and devices.
base::UniqueFd open_trusted_file(const std::string& chroot, const std::string& what, const std::string& path);
// The same check of a descriptor.
void require_root_owned(int file, const std::string& chroot, const std::string& path);

// Empty if the file may be a tarball: it begins as one, or is compressed. Else what is wrong. What a compressed one
// holds is not looked at.
std::string tarball_fault(int file, const std::string& path);

}  // namespace unionroot::source
