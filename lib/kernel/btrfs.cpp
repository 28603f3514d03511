#include "kernel/btrfs.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/files.h"
#include "kernel/open_beneath.h"

namespace unionroot::kernel {

using base::concat;
using base::SystemError;
using base::UniqueFd;

namespace {

constexpr ino_t subvolume_root = 256;  // BTRFS_FIRST_FREE_OBJECTID
constexpr int deepest = 64;

template <std::size_t Size>
void set_name(char (&to)[Size], const std::string& name) {
  if (name.size() >= Size) throw SystemError(ENAMETOOLONG, concat("the name of a subvolume: ", base::printable(name)));
  std::memcpy(to, name.c_str(), name.size() + 1);
}

struct Child {
  std::uint64_t tree;
  std::uint64_t folder;  // inode of the directory that contains the child
};

std::vector<Child> children_of(int subvolume) {
  std::vector<Child> children;
  btrfs_ioctl_get_subvol_rootref_args arguments{};
  for (;;) {
    const int result = ::ioctl(subvolume, BTRFS_IOC_GET_SUBVOL_ROOTREF, &arguments);
    const int problem = errno;
    if (result != 0 && problem != EOVERFLOW) throw SystemError(problem, "listing the subvolumes of a snapshot");
    for (unsigned i = 0; i < arguments.num_items; ++i)
      children.push_back({arguments.rootref[i].treeid, arguments.rootref[i].dirid});
    if (result == 0) return children;  // otherwise there are more: the kernel has advanced min_treeid
  }
}

// The path of a child beneath the subvolume: its folder and its name.
struct ChildPath {
  std::string folder, name;
};

ChildPath path_of(int subvolume, const Child& child) {
  auto arguments = std::make_unique<btrfs_ioctl_ino_lookup_user_args>();
  *arguments = {};
  arguments->treeid = child.tree;
  arguments->dirid = child.folder;
  if (::ioctl(subvolume, BTRFS_IOC_INO_LOOKUP_USER, arguments.get()) != 0)
    base::throw_errno("looking up a subvolume of a snapshot");
  return {arguments->path, arguments->name};
}

UniqueFd open_inside(int subvolume, const std::string& path) {
  return open_beneath(subvolume, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY, 0,
                      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

void delete_with_children(int folder, const std::string& name, int depth) {
  {
    const auto subvolume = open_directory_at(folder, name);
    if (!is_subvolume(subvolume.get()))
      throw SystemError(EINVAL, concat("deleting ", base::printable(name), ", which is not a subvolume"));
    if (depth > deepest) throw SystemError(ELOOP, "deleting subvolumes that are nested too deeply");
    for (const auto& child : children_of(subvolume.get())) {
      const auto path = path_of(subvolume.get(), child);
      const auto above = open_inside(subvolume.get(), path.folder);
      delete_with_children(above.get(), path.name, depth + 1);
    }
  }
  btrfs_ioctl_vol_args arguments{};
  set_name(arguments.name, name);
  base::fault_point("delete subvolume");
  if (::ioctl(folder, BTRFS_IOC_SNAP_DESTROY, &arguments) != 0) {
    const int problem = errno;
    throw SystemError(problem, concat("deleting the subvolume ", base::printable(name)));
  }
  base::fault_point("delete subvolume done");
}

}  // namespace

bool is_subvolume(int directory) {
  struct statfs file_system {};
  struct stat found {};
  if (::fstatfs(directory, &file_system) != 0 || ::fstat(directory, &found) != 0)
    base::throw_errno("looking at a subvolume");
  return file_system.f_type == BTRFS_SUPER_MAGIC && found.st_ino == subvolume_root;
}

void make_snapshot(int source, int folder, const std::string& name) {
  btrfs_ioctl_vol_args_v2 arguments{};
  arguments.fd = source;
  set_name(arguments.name, name);
  base::fault_point("snapshot");
  if (::ioctl(folder, BTRFS_IOC_SNAP_CREATE_V2, &arguments) != 0) {
    const int problem = errno;
    throw SystemError(problem, concat("making the snapshot ", base::printable(name)),
                      problem == EXDEV || problem == ENOTTY
                          ? "btrfs-snapshot-directory has to be on the same file system as the subvolume"
                          : "");
  }
  base::fault_point("snapshot done");
}

bool delete_subvolume(int folder, const std::string& name) {
  if (!exists_at(folder, name)) return false;
  delete_with_children(folder, name, 0);
  return true;
}

}  // namespace unionroot::kernel
