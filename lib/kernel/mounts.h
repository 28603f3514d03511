// The calls that change mounts and namespaces. A small interface, so that a test can replace the kernel.
//
// Each method throws SystemError (what was being done, on what, errno). Each descriptor is close-on-exec. Kernel
// features are probed at start-up by a trial, never by version.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::kernel {

using MountOptions = std::vector<std::pair<std::string, std::string>>;  // empty second: a flag

class Mounts {
 public:
  virtual ~Mounts() = default;

  // open_tree(2) with OPEN_TREE_CLONE: a detached copy of the mount at dirfd/path.
  virtual base::UniqueFd clone_tree(int dirfd, const std::string& path, bool recursive) = 0;
  // move_mount(2) with F_EMPTY_PATH|T_EMPTY_PATH: attaches a detached tree on the directory or file `target`.
  virtual void attach(int tree, int target) = 0;
  // fsopen, fsconfig, fsmount: a new, detached file system. `attributes`: MOUNT_ATTR_*.
  virtual base::UniqueFd new_filesystem(const std::string& type, const std::string& source, const MountOptions& options,
                                        std::uint64_t attributes) = 0;
  // mount(2) at a path in the caller's namespace, for what older kernels cannot do through fsconfig.
  virtual void mount_at(const std::string& source, const std::string& target, const std::string& type,
                        unsigned long flags, const std::string& data) = 0;
  // mount_setattr(2) with AT_EMPTY_PATH; propagation is 0 or one of MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE.
  virtual void set_attributes(int mount, std::uint64_t set, std::uint64_t clear, std::uint64_t propagation,
                              bool recursive) = 0;
  // umount2(2) with UMOUNT_NOFOLLOW added. Returns false, without an error, for EINVAL and ENOENT ("not mounted").
  virtual bool unmount(const std::string& path, int flags) = 0;
  virtual void pivot_root_here(int new_root) = 0;  // fchdir, pivot_root(".", "."), umount2(".", MNT_DETACH)

  virtual void unshare_fs() = 0;                     // unshare(CLONE_FS) of the calling thread; before every visit
  virtual base::UniqueFd new_mount_namespace() = 0;  // unshare(CLONE_NEWNS) of the calling thread; returns a descriptor
  virtual base::UniqueFd current_mount_namespace() = 0;
  // The file of a namespace can be bound only in a namespace with a lower number; otherwise move_mount(2) fails with
  // ELOOP, to prevent loops. 0 if the kernel does not tell (before 6.11): there a younger namespace always has a higher
  // number.
  virtual std::uint64_t namespace_number(int descriptor) = 0;
  virtual void enter_mount_namespace(int descriptor) = 0;
  virtual void change_root(int root, int working_directory) = 0;  // fchdir(root), chroot("."), fchdir(wd)
  // Brings the thread back: setns, then the root and the working directory. Returns 0 or errno. It has no fault points
  // and does not throw, because a thread that cannot return must not go on.
  virtual int go_home(int mount_namespace, int root, int working_directory) noexcept = 0;

  // openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS beneath `root`.
  virtual base::UniqueFd open_in_root(int root, const std::string& path, int flags, unsigned mode) = 0;

  // These fill a private /dev, in a folder that nobody else can reach yet. Modes are exact, whatever the umask is.
  virtual void make_device(int dir, const std::string& name, unsigned major, unsigned minor, unsigned mode) = 0;
  virtual void make_link(int dir, const std::string& name, const std::string& target) = 0;
  virtual void make_folder(int dir, const std::string& name, unsigned mode) = 0;
};

// The real implementation. Thread-safe: its state does not change.
Mounts& real_mounts();

}  // namespace unionroot::kernel
