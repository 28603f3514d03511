#include "boot/workshop.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "boot/new_root.h"
#include "boot/open_folder.h"
#include "kernel/files.h"

namespace unionroot::boot {

using base::concat;
using base::Error;
using base::UniqueFd;

namespace {

struct SystemMount {
  const char* path;
  const char* type;
  const char* mode;  // empty: the type has no such option
  std::uint64_t attributes;
};
constexpr std::uint64_t quiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
constexpr std::array<SystemMount, 4> system_mounts{{
    {"/dev", "devtmpfs", "755", MOUNT_ATTR_NOSUID},
    {"/proc", "proc", "", quiet | MOUNT_ATTR_NOEXEC},
    {"/sys", "sysfs", "", quiet | MOUNT_ATTR_NOEXEC},
    {"/run", "tmpfs", "755", quiet},
}};

// Folders of the old root in which the kernel finds modprobe and the modules. It runs modprobe in this process's root.
constexpr std::array<const char*, 8> program_folders{"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc"};

bool is_folder(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

// Chooses a folder of the old root to mount over. Any folder will do, since the old root is not used meanwhile.
std::string choose_place() {
  for (const char* path : {"/mnt", "/media", "/srv", "/tmp", "/opt", "/usr", "/etc"})
    if (is_folder(path) && !is_mounted(path)) return path;
  const UniqueFd root = kernel::open_directory("/");
  for (const auto& name : kernel::list_directory(root.get(), kernel::Listed::folders))
    if (auto path = concat("/", name); is_folder(path) && !is_mounted(path)) return path;
  kernel::ensure_directories("/mnt", 0755);
  return "/mnt";
}

// If the kernel could open no console, the descriptors 0 to 2 are closed. Other files must not get these numbers.
std::array<bool, 3> hold_standard_descriptors() {
  std::array<bool, 3> missing{};
  for (int number = 0; number < 3; ++number)
    if (::fcntl(number, F_GETFD) < 0) missing[static_cast<std::size_t>(number)] = ::open("/", O_PATH) == number;
  return missing;
}

void open_console(const std::array<bool, 3>& missing) {
  const UniqueFd console(::open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC));
  for (int number = 0; number < 3 && console; ++number)
    if (missing[static_cast<std::size_t>(number)]) ::dup2(console.get(), number);
}

}  // namespace

Workshop::Workshop(kernel::Mounts& mounts) : mounts_(mounts) {
  const auto missing = hold_standard_descriptors();
  old_root_ = open_folder("/");
  struct statfs facts {};
  base::check(::fstatfs(old_root_.get(), &facts), "looking at the root");
  in_memory_ = facts.f_type == RAMFS_MAGIC || facts.f_type == TMPFS_MAGIC;
  fill();
  open_console(missing);
}

// Clones folders. Makes symbolic links (of a merged /usr) again.
void Workshop::add_programs(const UniqueFd& made, Trees& trees) {
  for (const std::string name : program_folders) {
    struct stat facts {};
    if (::fstatat(old_root_.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISDIR(facts.st_mode)) {
      mounts_.make_folder(made.get(), name, 0755);
      trees.emplace_back(concat("/", name), mounts_.clone_tree(old_root_.get(), name, true));
    } else if (S_ISLNK(facts.st_mode)) {
      std::string target(PATH_MAX, '\0');
      const auto length = ::readlinkat(old_root_.get(), name.c_str(), target.data(), target.size());
      if (length > 0) mounts_.make_link(made.get(), name, target.substr(0, static_cast<std::size_t>(length)));
    }
  }
}

void Workshop::fill() {
  const UniqueFd made = mounts_.new_filesystem("tmpfs", "unionroot", {{"mode", "755"}, {"size", "1m"}}, quiet);
  mounts_.make_folder(made.get(), "new", 0755);
  Trees trees;
  add_programs(made, trees);
  for (const auto& wanted : system_mounts) {
    mounts_.make_folder(made.get(), wanted.path + 1, 0755);
    if (is_mounted(wanted.path)) {
      mounted_.emplace_back(wanted.path);
      trees.emplace_back(wanted.path, mounts_.clone_tree(AT_FDCWD, wanted.path, true));
    } else {
      kernel::MountOptions options;
      if (*wanted.mode != '\0') options.emplace_back("mode", wanted.mode);
      trees.emplace_back(wanted.path, mounts_.new_filesystem(wanted.type, wanted.type, options, wanted.attributes));
    }
  }
  place_ = choose_place();
  mounts_.attach(made.get(), open_folder(place_).get());
  mounts_.change_root(made.get(), made.get());
  inside_ = true;
  for (const auto& [path, tree] : trees) mounts_.attach(tree.get(), open_folder(path).get());
}

void Workshop::leave() {
  if (!inside_) return;
  mounts_.change_root(old_root_.get(), old_root_.get());
  inside_ = false;
  mounts_.unmount(place_, MNT_DETACH);
}

void Workshop::make_root(const Site& site, bool free_memory) {
  for (const auto& system : system_mounts) carry(mounts_, system.path, site, system.path, true);
  const UniqueFd tree = clone_new_root(mounts_, site);
  leave();
  if (in_memory_) {
    for (const auto& path : mounted_) mounts_.unmount(path, MNT_DETACH);
  }
  switch_to(tree);
  if (!in_memory_ || !free_memory) return;
  try {
    const UniqueFd old_root(base::check(::openat(old_root_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                        "opening the initial file system"));
    for (const auto& name : kernel::list_directory(old_root.get())) kernel::remove_tree(old_root.get(), name);
  } catch (const Error& error) {
    base::log::warning(concat("the initial file system stays in memory: ", error.what()));
  }
}

// pivot_root(2) cannot replace an initial file system. In that case the new root is moved over it.
void Workshop::switch_to(const UniqueFd& tree) {
  mounts_.attach(tree.get(), open_folder(place_).get());
  if (!in_memory_) {
    mounts_.pivot_root_here(tree.get());
    return;
  }
  base::check(::fchdir(tree.get()), "going to the new root");
  mounts_.mount_at(".", "/", "", MS_MOVE, "");
  mounts_.change_root(tree.get(), tree.get());
}

}  // namespace unionroot::boot
