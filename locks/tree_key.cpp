#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <cstring>

#include "base/hex.h"
#include "base/text.h"
#include "locks/lock_file.h"

namespace unionroot::locks {

namespace {

// FNV-1a. If two hashes collide, the two sources exclude each other without need. That is safe.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xcbf29ce484222325U;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return value;
}

}  // namespace

std::string detail::format_tree_key(std::uint64_t file_system, std::uint64_t device, std::uint64_t inode) {
  const auto where = file_system != 0 ? base::to_hex(file_system) : base::concat('d', base::to_hex(device));
  return base::concat(where, '-', base::to_hex(inode));
}

std::string tree_key(int tree_descriptor) {
  struct statfs file_system {};
  struct stat tree {};
  base::check(::fstatfs(tree_descriptor, &file_system), "reading the file system's id of the source tree");
  base::check(::fstat(tree_descriptor, &tree), "reading the inode of the source tree");
  // statfs(2): each file system defines f_fsid. Most derive it from their UUID, so it survives a reboot.
  std::uint64_t id = 0;
  static_assert(sizeof file_system.f_fsid == sizeof id);
  std::memcpy(&id, &file_system.f_fsid, sizeof id);
  return detail::format_tree_key(id, tree.st_dev, tree.st_ino);
}

std::string file_key(int folder_descriptor, const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos)
    throw base::Error(base::ErrorCode::invalid_argument,
                      base::concat("'", base::printable(name), "' is not the name of a file in a folder"));
  return base::concat('f', base::to_hex(hash(base::concat(tree_key(folder_descriptor), '/', name))));
}

std::string name_key(const std::string& name) { return base::concat("fd-", base::to_hex(hash(name))); }

std::string device_key(int device_descriptor) {
  struct stat device {};
  base::check(::fstat(device_descriptor, &device), "reading a block device's number");
  if (!S_ISBLK(device.st_mode)) throw base::Error(base::ErrorCode::invalid_argument, "not a block device");
  // Only keys of devices have three parts, so they differ from all others.
  return base::concat("dbd-", base::to_hex(std::uint64_t{::major(device.st_rdev)}), '-',
                      base::to_hex(std::uint64_t{::minor(device.st_rdev)}));
}

}  // namespace unionroot::locks
