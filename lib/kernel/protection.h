// The attributes i and a of chattr(1). They keep root, too, from changing a file, and what a folder holds.
#pragma once

#include <sys/stat.h>

#include <string>

namespace unionroot::kernel {

bool is_protected(const struct statx& status);
// `handle` may be an O_PATH descriptor. Throws SystemError.
bool is_protected(int handle, const std::string& path);

// Takes both away from a regular file or folder, in an overlay's upper layer alone. `path` is for messages. Throws
// SystemError, for example where the file system of the upper layer has no such attributes.
void unprotect(int handle, const std::string& path);

// Called before something is made in a folder of a session's tree. An overlay's folder is unprotected. Elsewhere a
// protected one is Error(stage_failed): its attributes are the tree owner's to take away.
void allow_changes(int folder, const std::string& path);

}  // namespace unionroot::kernel
