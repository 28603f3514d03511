// Finds file systems that the host has mounted inside a source tree.
#pragma once

#include <string>
#include <vector>

#include "definition/definition.h"
#include "kernel/mountinfo.h"

namespace unionroot::source {

// A session sees the source tree without the file systems mounted inside it. This returns the mount points that a
// session lacks, as paths below `folder` that begin with a slash. Left out are: places that the profile's fstab covers,
// /dev, the kernel's own file systems, and the daemon's. folder: absolute and without symlinks. Pure.
std::vector<std::string> missing_mounts(const std::vector<kernel::Mount>& mounts, const std::string& folder,
                                        const definition::Definition& definition);

// As above, for any path of the tree. Returns a text for people: what is missing and what to do. Empty if nothing is
// missing.
std::string about_missing_mounts(const std::vector<kernel::Mount>& mounts, const std::string& folder,
                                 const definition::Definition& definition);

}  // namespace unionroot::source
