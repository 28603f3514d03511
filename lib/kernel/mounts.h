// The calls that change what is mounted where. One small interface, so that a fake can stand in for the kernel.
//
// Every method throws SystemError (what was being done, on what, errno). Every descriptor is close-on-exec.
// What the running kernel has is probed at start-up by trying, never by version.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::kernel {

using MountOptions = std::vector<std::pair<std::string, std::string>>;  // second empty: a flag

class Mounts {
 public:
  virtual ~Mounts() = default;

  // open_tree(2) with OPEN_TREE_CLONE: a detached copy of the mount at dirfd/path.
  virtual base::UniqueFd clone_tree(int dirfd, const std::string& path, bool recursive) = 0;
  // move_mount(2) with F_EMPTY_PATH|T_EMPTY_PATH: attaches a detached tree on the directory or file `target`.
  virtual void attach(int tree, int target) = 0;
  // fsopen, fsconfig, fsmount: a detached new file system. `attributes`: MOUNT_ATTR_*.
  virtual base::UniqueFd new_filesystem(const std::string& type, const std::string& source, const MountOptions& options,
                                        std::uint64_t attributes) = 0;
  // mount(2) at a path in the caller's namespace: for what older kernels cannot do through fsconfig.
  virtual void mount_at(const std::string& source, const std::string& target, const std::string& type,
                        unsigned long flags, const std::string& data) = 0;
  // mount_setattr(2) with AT_EMPTY_PATH; propagation is 0 or one of MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE.
  virtual void set_attributes(int mount, std::uint64_t set, std::uint64_t clear, std::uint64_t propagation,
                              bool recursive) = 0;
  // umount2(2) with UMOUNT_NOFOLLOW added. EINVAL and ENOENT ("not mounted") give false, not an error.
  virtual bool unmount(const std::string& path, int flags) = 0;
  virtual void pivot_root_here(int new_root) = 0;  // fchdir, pivot_root(".", "."), umount2(".", MNT_DETACH)

  virtual void unshare_fs() = 0;                     // unshare(CLONE_FS) of the calling thread; before every visit
  virtual base::UniqueFd new_mount_namespace() = 0;  // unshare(CLONE_NEWNS) of the calling thread; its descriptor
  virtual base::UniqueFd current_mount_namespace() = 0;
  // A namespace's file can be bound only in namespaces of a lower number (bind loops, move_mount(2) ELOOP). 0 where the
  // kernel does not tell (before 6.11): there a younger namespace has the higher number, always.
  virtual std::uint64_t namespace_number(int descriptor) = 0;
  virtual void enter_mount_namespace(int descriptor) = 0;
  virtual void change_root(int root, int working_directory) = 0;  // fchdir(root), chroot("."), fchdir(wd)
  // The way back: setns, then the root and the working directory. 0, or errno. It has no fault points and throws
  // nothing, since a thread that cannot go back must not go on.
  virtual int go_home(int mount_namespace, int root, int working_directory) noexcept = 0;

  // openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS beneath `root`.
  virtual base::UniqueFd open_in_root(int root, const std::string& path, int flags, unsigned mode) = 0;

  // What a private /dev is filled with: in a directory that nobody else can reach yet. Modes are exact, whatever the
  // umask is.
  virtual void make_device(int dir, const std::string& name, unsigned major, unsigned minor, unsigned mode) = 0;
  virtual void make_link(int dir, const std::string& name, const std::string& target) = 0;
  virtual void make_folder(int dir, const std::string& name, unsigned mode) = 0;
};

// The real one. Thread-safe: no state but what was probed.
Mounts& real_mounts();

}  // namespace unionroot::kernel
