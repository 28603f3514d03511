#include "kernel/mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"
#include "kernel/holders.h"
#include "kernel/open_beneath.h"

namespace unionroot::kernel {

namespace {

using base::fault_point;
using base::SystemError;
using base::UniqueFd;

// Throws with the errno of the preceding call. It saves errno before it joins `parts`.
template <typename... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  const int saved = errno;
  throw SystemError(saved, base::concat(parts...));
}

// The kernel's messages about a file system context that failed, such as "e tmpfs: Bad value for 'size'".
std::string context_messages(int context) {
  std::string out;
  char buffer[512];
  for (int line = 0; line < 8; ++line) {
    const auto count = ::read(context, buffer, sizeof buffer);
    if (count <= 2) break;  // ENODATA: no more
    std::string_view text(buffer, static_cast<std::size_t>(count));
    text.remove_prefix(2);
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    out += base::concat(" (", base::printable(text), ")");
  }
  return out;
}

class RealMounts final : public Mounts {
 public:
  // Empty if /proc is not mounted yet, as in the first program of a machine.
  RealMounts() : proc_(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)) {}

  UniqueFd clone_tree(int dirfd, const std::string& path, bool recursive) override {
    fault_point("open_tree");
    const unsigned flags =
        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0U) | (path.empty() ? AT_EMPTY_PATH : 0U);
    UniqueFd tree(::open_tree(dirfd, path.c_str(), flags));
    if (!tree) fail("cloning the mount at ", path.empty() ? "an open directory" : base::printable(path));
    fault_point("open_tree done");
    return tree;
  }

  void attach(int tree, int target) override {
    fault_point("move_mount");
    if (::move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
      fail("attaching a mount");
    fault_point("move_mount done");
  }

  UniqueFd new_filesystem(const std::string& type, const std::string& source, const MountOptions& options,
                          std::uint64_t attributes) override {
    fault_point("fsmount");
    const UniqueFd context(::fsopen(type.c_str(), FSOPEN_CLOEXEC));
    if (!context) fail("mounting a file system of type ", base::printable(type));
    configure(context.get(), type, "source", source.empty() ? type : source);
    for (const auto& [key, value] : options) configure(context.get(), type, key, value);
    if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
      const int saved = errno;
      throw SystemError(saved, base::concat("mounting a file system of type ", type, context_messages(context.get())));
    }
    UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
    if (!mount) fail("mounting a file system of type ", type);
    fault_point("fsmount done");
    return mount;
  }

  void mount_at(const std::string& source, const std::string& target, const std::string& type, unsigned long flags,
                const std::string& data) override {
    fault_point("mount");
    if (::mount(source.c_str(), target.c_str(), type.c_str(), flags, data.c_str()) != 0)
      fail("mounting ", type, " on ", base::printable(target), " with ", base::printable(data));
    fault_point("mount done");
  }

  void set_attributes(int mount, std::uint64_t set, std::uint64_t clear, std::uint64_t propagation,
                      bool recursive) override {
    fault_point("mount_setattr");
    mount_attr attributes{};
    attributes.attr_set = set;
    attributes.attr_clr = clear;
    attributes.propagation = propagation;
    const unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);
    if (::mount_setattr(mount, "", flags, &attributes, sizeof attributes) != 0) fail("changing a mount's attributes");
    fault_point("mount_setattr done");
  }

  bool unmount(const std::string& path, int flags) override {
    fault_point("umount");
    const int result = ::umount2(path.c_str(), flags | UMOUNT_NOFOLLOW);
    if (result != 0 && errno == EBUSY) {
      const auto holders = describe(holders_of_mount(path));
      throw SystemError(
          EBUSY, base::concat("unmounting ", base::printable(path), holders.empty() ? "" : ", which is ", holders),
          "end those processes, or have them leave it, and try again");
    }
    if (result != 0 && errno != EINVAL && errno != ENOENT) fail("unmounting ", base::printable(path));
    fault_point("umount done");
    return result == 0;
  }

  void pivot_root_here(int new_root) override {
    fault_point("pivot_root");
    if (::fchdir(new_root) != 0) fail("going to the new root");
    // pivot_root(2), "pivot_root(".", ".")": the old root is mounted over the new one, and is unmounted at once.
    if (::syscall(SYS_pivot_root, ".", ".") != 0) fail("changing the namespace's root");
    if (::umount2(".", MNT_DETACH) != 0) fail("unmounting the namespace's old root");
    fault_point("pivot_root done");
  }

  void unshare_fs() override {
    // Done on every call, because a thread that this one starts shares them with it again. The kernel does nothing if
    // they are not shared.
    if (::unshare(CLONE_FS) != 0) fail("giving a thread file system attributes of its own");
  }

  UniqueFd new_mount_namespace() override {
    fault_point("unshare");
    if (::unshare(CLONE_NEWNS) != 0) fail("making a mount namespace");
    UniqueFd descriptor = current_mount_namespace();
    fault_point("unshare done");
    return descriptor;
  }

  UniqueFd current_mount_namespace() override {
    // Uses a descriptor of the host's /proc: in a session's namespace the path may lead anywhere.
    if (!proc_) throw SystemError(ENOENT, "opening /proc");
    UniqueFd descriptor(::openat(proc_.get(), "thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
    if (!descriptor) fail("opening the thread's mount namespace");
    return descriptor;
  }

  std::uint64_t namespace_number(int descriptor) override {
    constexpr unsigned long get_number = _IOR(0xb7, 5, std::uint64_t);  // NS_GET_MNTNS_ID, ioctl_nsfs(2)
    std::uint64_t number = 0;
    return ::ioctl(descriptor, get_number, &number) == 0 ? number : 0;
  }

  void enter_mount_namespace(int descriptor) override {
    fault_point("setns");
    if (::setns(descriptor, CLONE_NEWNS) != 0) fail("entering a mount namespace");
  }

  void change_root(int root, int working_directory) override {
    if (::fchdir(root) != 0 || ::chroot(".") != 0 || ::fchdir(working_directory) != 0)
      fail("changing the thread's root and working directory");
  }

  int go_home(int mount_namespace, int root, int working_directory) noexcept override {
    if (::setns(mount_namespace, CLONE_NEWNS) != 0 || ::fchdir(root) != 0 || ::chroot(".") != 0 ||
        ::fchdir(working_directory) != 0)
      return errno;
    return 0;
  }

  UniqueFd open_in_root(int root, const std::string& path, int flags, unsigned mode) override {
    return open_beneath(root, path, flags, mode, resolve_in_root);
  }

  void make_device(int dir, const std::string& name, unsigned major, unsigned minor, unsigned mode) override {
    fault_point("mknod");
    if (::mknodat(dir, name.c_str(), S_IFCHR | mode, ::makedev(major, minor)) != 0 ||
        ::fchmodat(dir, name.c_str(), mode, 0) != 0)
      fail("making the device node ", name);
    fault_point("mknod done");
  }

  void make_link(int dir, const std::string& name, const std::string& target) override {
    fault_point("symlink");
    if (::symlinkat(target.c_str(), dir, name.c_str()) != 0) fail("making the link ", name);
    fault_point("symlink done");
  }

  void make_folder(int dir, const std::string& name, unsigned mode) override {
    fault_point("mkdir");
    if (::mkdirat(dir, name.c_str(), mode) != 0 || ::fchmodat(dir, name.c_str(), mode, 0) != 0)
      fail("making the folder ", name);
    fault_point("mkdir done");
  }

 private:
  static void configure(int context, const std::string& type, const std::string& key, const std::string& value) {
    const int result = value.empty() ? ::fsconfig(context, FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0)
                                     : ::fsconfig(context, FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0);
    if (result == 0) return;
    const int saved = errno;
    throw SystemError(saved, base::concat("mounting a file system of type ", base::printable(type), ": option ",
                                          base::printable(value.empty() ? key : base::concat(key, "=", value)),
                                          context_messages(context)));
  }

  UniqueFd proc_;
};

}  // namespace

Mounts& real_mounts() {
  static RealMounts instance;
  return instance;
}

}  // namespace unionroot::kernel
