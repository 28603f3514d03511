// Makes the places on which a session's inner mounts are mounted.
#pragma once

#include <string>

#include "base/unique_fd.h"
#include "mount/plan.h"

namespace unionroot::mount {

// Makes what is missing of `path`, relative to the session's root, and returns an O_PATH descriptor of it. The tree
// belongs to its users: the walk goes through descriptors, a symbolic link is read and walked inside the root, and what
// a dangling link names is made. Nothing is made beyond a link that leads into another mount: Error(stage_failed).
// Throws SystemError: ENOTDIR, EISDIR, ELOOP, EROFS ...
base::UniqueFd make_target(int root, const std::string& path, TargetKind kind);

}  // namespace unionroot::mount
