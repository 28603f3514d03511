// Makes the mount points of a session's inner mounts.
#pragma once

#include <string>

#include "base/unique_fd.h"
#include "mount/plan.h"

namespace unionroot::mount {

// Makes the missing components of `path`, which is relative to the session's root. Returns an O_PATH descriptor of the
// last one. The tree belongs to its users, so the walk goes through descriptors. A symbolic link is read and resolved
// inside the root; what a dangling link names is made. Nothing is made behind a link that leads into another mount:
// Error(stage_failed). Throws SystemError: ENOTDIR, EISDIR, ELOOP, EROFS ...
base::UniqueFd make_target(int root, const std::string& path, TargetKind kind);

}  // namespace unionroot::mount
