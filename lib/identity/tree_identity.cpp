#include "identity/tree_identity.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "identity/superblock.h"
#include "kernel/block_device.h"
#include "kernel/block_probe.h"
#include "kernel/mount_list.h"

namespace unionroot::identity {

using base::concat;
using base::UniqueFd;

namespace {

struct Field {
  std::string_view key;
  std::string TreeIdentity::*value;
};
constexpr std::array<Field, 7> fields{{{"type", &TreeIdentity::type},
                                       {"uuid", &TreeIdentity::uuid},
                                       {"made", &TreeIdentity::made},
                                       {"partition", &TreeIdentity::partition},
                                       {"handle", &TreeIdentity::handle},
                                       {"source", &TreeIdentity::source},
                                       {"path", &TreeIdentity::path}}};

bool differ(const std::string& one, const std::string& other) { return !one.empty() && !other.empty() && one != other; }

bool has_mark(const TreeIdentity& of) { return !of.uuid.empty() || !of.made.empty() || !of.partition.empty(); }

void add_device(TreeIdentity& found, const UniqueFd& device) {
  const auto content = kernel::probe_content(device.get(), {}, "the device");
  found.type = content.type;
  found.uuid = content.uuid;
  const auto superblock = read_superblock(device.get(), content.type);
  found.made = superblock.made;
  if (found.uuid.empty() && superblock.written)
    found.partition = kernel::partition_entry(device.get(), "the device").uuid;
}

// A btrfs may have several devices, and the device number of the tree is none of them.
void add_btrfs(TreeIdentity& found, int tree) {
  const UniqueFd folder(::openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  btrfs_ioctl_fs_info_args about{};
  if (!folder || ::ioctl(folder.get(), BTRFS_IOC_FS_INFO, &about) != 0) return;
  found.uuid = base::to_hex(std::string_view(reinterpret_cast<const char*>(about.fsid), sizeof about.fsid));
}

void add_mount(TreeIdentity& found, int tree) {
  const auto entry = kernel::mount_of(tree);
  if (!entry) return;
  found.type = entry->type;
  if (found.type == "btrfs") return add_btrfs(found, tree);
  // The name of a device depends on the order in which devices were found.
  if (!entry->source.starts_with("/dev/")) found.source = base::printable(entry->source, std::string::npos);
  found.path = base::printable(entry->root, std::string::npos);
}

// FS_IOC_GETFSUUID, since Linux 6.9. The headers of older systems lack it.
struct FileSystemUuid {
  std::uint8_t length;
  std::uint8_t bytes[16];
};
constexpr unsigned long get_file_system_uuid = _IOR(0x15, 0, FileSystemUuid);

// For a device that may not be read, as in a container: uses what the mounted file system tells of itself.
void add_file_system(TreeIdentity& found, int tree) {
  if (const auto entry = kernel::mount_of(tree)) found.type = entry->type;
  const UniqueFd folder(::openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  FileSystemUuid uuid{};
  if (!folder || ::ioctl(folder.get(), get_file_system_uuid, &uuid) != 0 || uuid.length != sizeof uuid.bytes) return;
  const auto digits = base::to_hex(std::string_view(reinterpret_cast<const char*>(uuid.bytes), sizeof uuid.bytes));
  if (digits.find_first_not_of('0') == std::string::npos) return;
  // The format of libblkid.
  for (std::size_t at = 0, part = 0; part < 5; ++part) {
    const std::size_t length = part == 0 ? 8 : part == 4 ? 12 : 4;
    found.uuid += concat(part == 0 ? "" : "-", digits.substr(at, length));
    at += length;
  }
}

// The types listed here assign inode numbers anew at each mount.
bool has_lasting_handles(const std::string& type) {
  constexpr std::array<std::string_view, 4> others{"vfat", "msdos", "exfat", "ntfs"};
  return std::find(others.begin(), others.end(), type) == others.end();
}

// Without a mark of the file system, a tree on another file system may have the same handle. But with these types a
// different handle means a different tree.
bool tells_by_handle(const std::string& type) {
  constexpr std::array<std::string_view, 5> types{"ext2", "ext3", "ext4", "xfs", "f2fs"};
  return std::find(types.begin(), types.end(), type) != types.end();
}

std::string handle_of(int tree) {
  std::vector<char> room(sizeof(file_handle) + MAX_HANDLE_SZ);
  auto* const handle = reinterpret_cast<file_handle*>(room.data());
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(tree, "", handle, &mount, AT_EMPTY_PATH) != 0) return {};
  const std::string_view bytes(reinterpret_cast<const char*>(handle->f_handle), handle->handle_bytes);
  return concat(handle->handle_type, ":", base::to_hex(bytes));
}

}  // namespace

std::string TreeIdentity::text() const {
  std::string out;
  for (const auto& [key, value] : fields)
    if (!(this->*value).empty()) out += concat(key, "=", this->*value, "\n");
  return out;
}

std::string TreeIdentity::described() const {
  std::string out = type.empty() ? "of an unknown type" : type;
  if (!uuid.empty()) out += concat(", UUID=", uuid);
  if (!partition.empty()) out += concat(", PARTUUID=", partition);
  if (!made.empty()) out += concat(", made ", made);
  if (!source.empty()) out += concat(", ", source);
  return out;
}

std::optional<TreeIdentity> parse_identity(std::string_view text) {
  TreeIdentity found;
  for (const auto& line : base::split(text, '\n')) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    for (const auto& [key, value] : fields)
      if (line.substr(0, equals) == key) found.*value = base::printable(line.substr(equals + 1), std::string::npos);
  }
  if (found == TreeIdentity{}) return std::nullopt;
  return found;
}

Comparison compare(const TreeIdentity& one, const TreeIdentity& other) {
  if (differ(one.uuid, other.uuid) || differ(one.made, other.made) || differ(one.partition, other.partition) ||
      differ(one.handle, other.handle))
    return Comparison::different;
  if (one.type.empty() || other.type.empty()) return Comparison::unknown;
  // If there is a UUID, the type does not count: tune2fs -j turns ext2 into ext3.
  if (one.uuid.empty() != other.uuid.empty()) return Comparison::different;
  if (has_mark(one) && has_mark(other)) return Comparison::same;
  if (one.type != other.type || one.source != other.source || one.path != other.path) return Comparison::different;
  return one.source.empty() ? Comparison::unknown : Comparison::same;
}

TreeIdentity identify(int tree) {
  TreeIdentity found;
  try {
    struct stat facts {};
    base::check(::fstat(tree, &facts), "looking at the tree");
    bool readable = true;
    try {
      if (const auto device = kernel::open_block_device(facts.st_dev))
        add_device(found, device);
      else
        add_mount(found, tree);
    } catch (const base::SystemError& error) {
      base::log::debug(concat("identifying a tree: ", error.what()));
      readable = false;
      add_file_system(found, tree);
    }
    if (has_mark(found) ? has_lasting_handles(found.type) : tells_by_handle(found.type)) found.handle = handle_of(tree);
    // The device may be readable another time. Without the type, a comparison then gives `unknown`, not `different`.
    if (!readable && found.uuid.empty()) found.type.clear();
  } catch (const base::Error& error) {
    base::log::warning(concat("a tree cannot be identified: ", error.with_hint()));
  }
  return found;
}

}  // namespace unionroot::identity
