// The attributes i (immutable) and a (append-only) of chattr(1). Even root cannot change such a file, or the contents
// of such a folder.
#pragma once

#include <sys/stat.h>

#include <string>

namespace unionroot::kernel {

bool is_protected(const struct statx& status);
// `handle` may be an O_PATH descriptor. Throws SystemError.
bool is_protected(int handle, const std::string& path);

// Removes both attributes from a regular file or folder. In an overlay only the upper layer changes. `path` is for
// messages. Throws SystemError, for example if the file system of the upper layer has no such attributes.
void unprotect(int handle, const std::string& path);

// Call this before something is made in a folder of a session's tree. In an overlay it unprotects the folder. Elsewhere
// a protected folder gives Error(stage_failed), because only the owner of the tree may remove its attributes.
void allow_changes(int folder, const std::string& path);

}  // namespace unionroot::kernel
