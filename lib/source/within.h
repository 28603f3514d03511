// File systems that the host mounts in a tree.
#pragma once

#include <string>
#include <vector>

#include "definition/definition.h"
#include "kernel/mountinfo.h"

namespace unionroot::source {

// A tree is used without what is mounted in it. These are the places, relative to the tree at `folder` and with a
// slash, that a session on the definition lacks: those that the profile mounts something on or above are left out, and
// so are the kernel's own file systems. `folder`: absolute, no link in it. Pure.
std::vector<std::string> missing_mounts(const std::vector<kernel::MountEntry>& mounts, const std::string& folder,
                                        const definition::Definition& definition);

// The same for any path of the tree, for people: what is missing and what to do; empty if nothing is.
std::string about_missing_mounts(const std::vector<kernel::MountEntry>& mounts, const std::string& folder,
                                 const definition::Definition& definition);

}  // namespace unionroot::source
