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

// Uses a clone, because the place itself may be read-only.
void set_mode(kernel::Mounts& mounts, const UniqueFd& place, unsigned mode) {
  struct stat found {};
  base::check(::fstat(place.get(), &found), "looking at a folder of the runtime directory");
  if ((found.st_mode & 07777) == mode) return;
  const UniqueFd clone = writable_clone(mounts, place);
  base::check(::fchmodat(clone.get(), ".", mode, 0), "setting the mode of a folder of the runtime directory");
}

}  // namespace

UniqueFd writable_clone(kernel::Mounts& mounts, const UniqueFd& place) {
  UniqueFd clone = mounts.clone_tree(place.get(), "", false);
  // Private: what is mounted at the place later does not appear in the clone.
  mounts.set_attributes(clone.get(), 0, MOUNT_ATTR_RDONLY, MS_PRIVATE, false);
  return clone;
}

bool is_mount_root(int descriptor) {
  struct statx found {};
  base::check(::statx(descriptor, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, 0, &found), "looking at a mount point");
  return (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// statx(2) tells this since Linux 5.8, so the mount table is not read.
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

void make_place(kernel::Mounts& mounts, const UniqueFd& runtime, const std::string& path, const Place& wanted) {
  const std::string name = wanted.name;
  const std::uint64_t read_only = wanted.read_only ? MOUNT_ATTR_RDONLY : 0;
  kernel::ensure_directory(runtime.get(), name, wanted.mode);
  if (!is_mount_point(runtime.get(), name)) {
    const UniqueFd made = mounts.new_filesystem(
        "tmpfs", "unionroot", {{"mode", wanted.mode == 0755 ? "0755" : "0700"}, {"size", "16m"}}, quiet | read_only);
    const UniqueFd place = open_place(runtime.get(), name, O_DIRECTORY);
    mounts.attach(made.get(), place.get());
    // Only now, because a mount that is attached to a shared parent becomes shared itself.
    base::Rollback rollback;
    rollback.add([&] {
      try {
        mounts.unmount(path + "/" + name, MNT_DETACH);
      } catch (const base::Error& error) {
        base::log::warning(error.what());
      }
    });
    mounts.set_attributes(made.get(), 0, 0, wanted.propagation, false);
    rollback.commit();
  } else {
    // A daemon that died right after the attach has not set these.
    const UniqueFd place = open_place(runtime.get(), name, O_DIRECTORY);
    mounts.set_attributes(place.get(), read_only, 0, wanted.propagation, false);
    set_mode(mounts, place, wanted.mode);
  }
}

UniqueFd try_open_in_root(kernel::Mounts& mounts, int root, const std::string& path, int flags) {
  try {
    return mounts.open_in_root(root, path, flags, 0);
  } catch (const base::SystemError& error) {
    if (error.error_number() != ENOENT && error.error_number() != ENOTDIR && error.error_number() != ELOOP) throw;
    return {};
  }
}

void unmount_all(kernel::Mounts& mounts, int dir, const std::string& name, const std::string& path) {
  for (int layer = 0; layer < 64 && is_mount_point(dir, name); ++layer) mounts.unmount(path, MNT_DETACH);
}

}  // namespace unionroot::mount
