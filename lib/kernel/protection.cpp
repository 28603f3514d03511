#include "kernel/protection.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"
#include "kernel/regular_file.h"

namespace unionroot::kernel {

namespace {

base::UniqueFd open_for_attributes(int handle, const std::string& path) {
  struct stat status {};
  base::check(::fstat(handle, &status), "looking at", path);
  if (!S_ISDIR(status.st_mode)) return open_regular(handle, path).descriptor;
  return base::UniqueFd(base::check(::openat(handle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", path));
}

}  // namespace

bool is_protected(const struct statx& status) {
  return (status.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0;
}

bool is_protected(int handle, const std::string& path) {
  struct statx status {};
  base::check(::statx(handle, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, 0, &status), "looking at", path);
  return is_protected(status);
}

void unprotect(int handle, const std::string& path) {
  const auto file = open_for_attributes(handle, path);
  int flags = 0;
  base::check(::ioctl(file.get(), FS_IOC_GETFLAGS, &flags), "reading the attributes (lsattr) of", path);
  flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
  base::fault_point("unprotect");
  // An overlay shows all flags of the lower file. The upper file system, such as a tmpfs, may not support the others.
  if (::ioctl(file.get(), FS_IOC_SETFLAGS, &flags) == 0) return base::fault_point("unprotect done");
  if (errno == EOPNOTSUPP) flags = 0;
  base::check(::ioctl(file.get(), FS_IOC_SETFLAGS, &flags), "removing the attributes i and a (chattr) from", path);
  base::fault_point("unprotect done");
}

void allow_changes(int folder, const std::string& path) {
  if (!is_protected(folder, path)) return;
  struct statfs system {};
  base::check(::fstatfs(folder, &system), "looking at the file system of", path);
  if (system.f_type != OVERLAYFS_SUPER_MAGIC)
    throw base::Error(base::ErrorCode::stage_failed,
                      base::concat("the folder /", base::printable(path), " is immutable or append-only"),
                      "run chattr -i -a on it in the tree, or make the missing file there");
  unprotect(folder, path);
}

}  // namespace unionroot::kernel
