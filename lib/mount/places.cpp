#include "mount/places.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"
#include "base/log.h"
#include "base/rollback.h"
#include "base/text.h"
#include "kernel/files.h"

namespace unionroot::mount {

using base::UniqueFd;

namespace {

constexpr std::uint64_t quiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

}  // namespace

// statx(2) tells, since Linux 5.8, without a look at the mount table.
bool is_mount_point(int dir, const std::string& name) {
  struct statx found {};
  if (::statx(dir, name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &found) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    base::throw_errno("looking at", name);
  }
  return (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

UniqueFd open_place(int dir, const std::string& name, int flags) {
  return UniqueFd(base::check(::openat(dir, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC | flags), "opening", name));
}

void make_place(kernel::Mounts& mounts, const UniqueFd& runtime, const std::string& path, const std::string& name,
                unsigned mode, std::uint64_t propagation) {
  kernel::ensure_directory(runtime.get(), name, mode);
  if (!is_mount_point(runtime.get(), name)) {
    const UniqueFd made =
        mounts.new_filesystem("tmpfs", "unionroot", {{"mode", mode == 0755 ? "0755" : "0700"}, {"size", "16m"}}, quiet);
    const UniqueFd place = open_place(runtime.get(), name, O_DIRECTORY);
    mounts.attach(made.get(), place.get());
    // Only now, since a mount that is attached to a shared parent becomes shared itself.
    base::Rollback rollback;
    rollback.add([&] {
      try {
        mounts.unmount(path + "/" + name, MNT_DETACH);
      } catch (const base::Error& error) {
        base::log::warning(error.what());
      }
    });
    mounts.set_attributes(made.get(), 0, 0, propagation, false);
    rollback.commit();
  } else {
    // A daemon that died right after the attach has left it unset.
    const UniqueFd place = open_place(runtime.get(), name, O_DIRECTORY);
    mounts.set_attributes(place.get(), 0, 0, propagation, false);
  }
}

// Everything mounted at one place, if something was mounted on top of it meanwhile.
void unmount_all(kernel::Mounts& mounts, int dir, const std::string& name, const std::string& path) {
  for (int layer = 0; layer < 64 && is_mount_point(dir, name); ++layer) mounts.unmount(path, MNT_DETACH);
}

}  // namespace unionroot::mount
