// Where a caller's working directory is on the host, for the run to be in the same folder and not in one of its name.
#pragma once

#include <sys/types.h>

#include <string>

namespace unionroot::launch {

// "PARTS:MAJOR:MINOR:INODE," for the folders on the way to `path`, outside of the file system that it is on, and for
// itself at last, without a comma. PARTS: how many components of the path lead to it. Empty if the process `pid` is not
// there, or nothing is mounted on the way. The path is walked to where its file system begins, so the file systems on
// the way may be asked what leads where; the one that it is on is not, since one in user space need not answer.
std::string place_of_directory(pid_t pid, const std::string& path);

}  // namespace unionroot::launch
