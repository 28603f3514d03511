// Functions for folders to mount on, or to look into.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace unionroot::boot {

// Opens a folder with O_PATH. Throws SystemError.
inline base::UniqueFd open_folder(const std::string& path) {
  return base::UniqueFd(base::check(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "opening", path));
}

// Whether the path is a mount point. False if it cannot be examined.
inline bool is_mounted(const std::string& path) {
  struct statx found {};
  return ::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &found) == 0 &&
         (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace unionroot::boot
