#include "session/disks.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "definition/mount_words.h"
#include "kernel/block_probe.h"
#include "kernel/command.h"
#include "kernel/holders.h"
#include "kernel/loop.h"
#include "session/held_sessions.h"
#include "source/root_file.h"
#include "source/source_trees.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

definition::MountWords words_of(const std::string& chroot, const Disk& disk) {
  definition::MountWords words;
  const auto wrong = definition::parse_mount_words(disk.mount_options, words);
  if (!wrong.empty())
    throw Error(ErrorCode::definition_invalid, concat("chroot ", chroot, ": mount options: ", wrong),
                "correct its mount-options; `unionroot check` shows where they are");
  return words;
}

std::string type_in(const std::string& chroot, const Disk& disk, const kernel::BlockContent& content) {
  if (content.filesystem) return content.type;
  const auto found = !content.type.empty()
                         ? concat("holds ", base::printable(content.type), ", which is not a file system")
                     : content.partitions ? std::string("is a disk with partitions")
                                          : std::string("holds no known file system");
  throw Error(
      ErrorCode::stage_failed, concat("chroot ", chroot, ": its ", disk.what, " ", disk.path, " ", found),
      content.partitions && !disk.device
          ? "choose one of them with the key partition"
          : "mksquashfs, mkfs.erofs, mkfs.ext4, mkfs.xfs and mkfs.btrfs make one; `blkid -p` shows what is in it");
}

// The device does not lead to the processes that hold an ended session: an overlay has a device number of its own.
std::string users_of(const Services& services, const Disk& disk, std::optional<dev_t> device) {
  if (auto ended = services.held_sessions.describe_on(disk.path); !ended.empty()) return ended;
  return device ? kernel::users_of_device(*device) : "mounted elsewhere";
}

// The mounts of a session that ended, or that a dead daemon set up, go only when its last process is gone.
void wait_until_unused(const Operation& operation, const Disk& disk, int file) {
  const auto& chroot = operation.definition().name;
  constexpr std::chrono::seconds limit{5};
  const auto end = std::chrono::steady_clock::now() + limit;
  while (const auto device = kernel::loop_device_of(file)) {
    if (std::chrono::steady_clock::now() > end)
      throw Error(ErrorCode::stage_failed,
                  concat("chroot ", chroot, ": its ", disk.what, " ", disk.path, " is in use (",
                         users_of(operation.services(), disk, *device), "), and would be destroyed by a second mount"),
                  concat("end what uses it; losetup --associated ", disk.path, " shows the loop device"));
    if (operation.cancelled())
      throw Error(ErrorCode::cancelled, concat("waiting until ", disk.path, " is not in use: cancelled"));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

bool is_ext(const std::string& type) { return type == "ext2" || type == "ext3" || type == "ext4"; }

// Prevents writes to shared read-only content: no journal is replayed. Copies of one image have the same UUID and may
// be mounted together.
void add_read_only(const std::string& type, kernel::MountOptions& options) {
  options.emplace_back("ro", "");
  if (is_ext(type)) options.emplace_back("noload", "");
  if (type == "xfs") options.insert(options.end(), {{"norecovery", ""}, {"nouuid", ""}});
  if (type == "btrfs") options.emplace_back("rescue", "nologreplay");
}

}  // namespace

UniqueFd open_disk(const std::string& chroot, const Disk& disk, bool read_only) {
  const int mode = (read_only ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOCTTY;
  if (disk.device) return source::open_device(chroot, disk.what, disk.path, mode);
  auto opened = source::open_trusted_file(chroot, disk.what, disk.path);
  if (read_only) return opened;
  // This opens the same file, even if another file has its name now.
  opened.reset(::open(concat("/proc/self/fd/", opened.get()).c_str(), mode | O_CLOEXEC));
  if (!opened) {
    const int problem = errno;
    throw base::SystemError(problem, concat("chroot ", chroot, ": opening its ", disk.what, " ", disk.path));
  }
  return opened;
}

void throw_in_use(const Services& services, const std::string& chroot, const Disk& disk, ErrorCode code) {
  struct stat node {};
  const bool known = ::stat(disk.path.c_str(), &node) == 0 && S_ISBLK(node.st_mode);
  throw Error(code,
              concat("chroot ", chroot, ": its ", disk.what, " ", disk.path,
                     " is in use: ", users_of(services, disk, known ? std::optional(node.st_rdev) : std::nullopt)),
              "end what uses it, or unmount it; lsblk shows more");
}

std::string disk_identity(int descriptor, const Disk& disk) {
  struct stat found {};
  base::check(::fstat(descriptor, &found), "looking at", disk.path);
  const auto which = disk.device ? concat("dev-", found.st_rdev)
                                 : concat("file-", found.st_dev, "-", found.st_ino, "-", found.st_size, "-",
                                          found.st_mtim.tv_sec, "-", found.st_mtim.tv_nsec);
  return concat(which, ".p", disk.partition, ".", std::hash<std::string>{}(disk.mount_options));
}

std::string disk_content(int descriptor, const Disk& disk) {
  kernel::LoopPart part;
  if (disk.partition != 0) part = kernel::find_partition(descriptor, disk.partition, disk.path);
  const auto content = kernel::probe_content(descriptor, part, disk.path);
  return content.uuid.empty() ? std::string()
                              : concat(base::printable(content.type), ' ', base::printable(content.uuid));
}

UniqueFd mount_disk(const Operation& operation, const Disk& disk, bool read_only) {
  const auto& chroot = operation.definition().name;
  const auto words = words_of(chroot, disk);
  if (words.read_only && !read_only)
    throw Error(ErrorCode::stage_failed,
                concat("chroot ", chroot, ": its ", disk.what, " ", disk.path,
                       " is to be mounted read-only, but sessions write to it"),
                "leave out the mount option ro, or set union-type=overlay");
  const auto file = open_disk(chroot, disk, read_only);
  kernel::LoopPart part;
  if (disk.partition != 0) part = kernel::find_partition(file.get(), disk.partition, disk.path);
  auto type = words.type;
  if (type.empty()) type = type_in(chroot, disk, kernel::probe_content(file.get(), part, disk.path));
  if (!read_only && (type == "squashfs" || type == "erofs" || type == "iso9660"))
    throw Error(ErrorCode::stage_failed,
                concat("chroot ", chroot, ": its ", disk.what, " ", disk.path, " is a ", type,
                       " image, which cannot be changed"),
                concat("make a new one from a changed tree and move it to ", disk.path));
  auto options = words.options;
  if (read_only)
    add_read_only(type, options);
  else if (disk.copy && type == "xfs")
    options.emplace_back("nouuid", "");
  const auto attributes = words.attributes | (read_only ? MOUNT_ATTR_RDONLY : std::uint64_t{0});
  if (!disk.device && !read_only && disk.used_before) wait_until_unused(operation, disk, file.get());
  kernel::LoopDevice loop;  // held until the mount holds it
  if (!disk.device) loop = kernel::attach_loop(file.get(), disk.path, part, read_only);
  try {
    return operation.services().mounts.new_filesystem(type, disk.device ? disk.path : loop.path, options, attributes);
  } catch (const base::SystemError& error) {
    const int problem = error.error_number();
    if (problem == EBUSY) throw_in_use(operation.services(), chroot, disk);
    throw Error(problem == ENODEV ? ErrorCode::not_supported : ErrorCode::stage_failed,
                concat("chroot ", chroot, ": mounting its ", disk.what, " ", disk.path, ": ", error.what()),
                problem == ENODEV ? concat("this kernel has no ", type, "; modprobe ", type)
                                  : std::string("the kernel's log (dmesg) may say more"));
  }
}

void make_filesystem(const Operation& operation, const Format& format) {
  if (format.device) operation.report({concat("formatting ", format.path), 0, 0});
  kernel::Command command;
  command.cancelled = operation->cancelled;
  command.limit = std::chrono::minutes(format.device ? 10 : 2);
  if (format.filesystem == "xfs") {
    command.words = {"mkfs.xfs", "-q", "-f"};
    command.package = "xfsprogs";
    if (!format.device) command.words.emplace_back("-K");
  } else if (format.filesystem == "btrfs") {
    command.words = {"mkfs.btrfs", "-q", "-f"};
    command.package = "btrfs-progs";
    // A second copy of the metadata in the same file has no use.
    if (!format.device) command.words.insert(command.words.end(), {"-K", "-m", "single"});
  } else {
    // A new sparse file is all zeros, so mkfs need not write the journal and the inode tables.
    command.words = {"mkfs.ext4",
                     "-q",
                     "-F",
                     "-m",
                     "0",
                     "-E",
                     format.device ? "lazy_itable_init=1,lazy_journal_init=1" : "assume_storage_prezeroed=1,nodiscard"};
    command.package = "e2fsprogs";
    if (!format.journal) command.words.insert(command.words.end(), {"-O", "^has_journal"});
  }
  command.words.push_back(format.path);
  kernel::run_or_throw(command);
}

}  // namespace unionroot::session
