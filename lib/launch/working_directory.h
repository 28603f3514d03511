// Identifies a caller's working directory on the host, so that the run uses the same folder and not another one of that
// name.
#pragma once

#include <sys/types.h>

#include <string>

namespace unionroot::launch {

// "PARTS:MAJOR:MINOR:INODE," for each folder on the way to `path` outside its file system, then the same for `path`
// without the comma. PARTS: the number of path components that lead to it. Empty if the process `pid` is not in `path`,
// or if no mount lies on the way. The walk ends where the file system of `path` begins. So it may ask the file systems
// on the way, but not that one, since a file system in user space need not answer.
std::string place_of_directory(pid_t pid, const std::string& path);

}  // namespace unionroot::launch
