#include "archive/devices.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <optional>

#include "base/files.h"
#include "base/text.h"

namespace unionroot::archive::detail {

namespace {

using base::concat;

bool is_console(dev_t device) { return device == ::makedev(5, 1); }

// null, zero, full, random and urandom; tty, console and ptmx: mem(4), null(4), random(4), tty(4). Also 0:0, which
// nobody can open: the whiteout of overlayfs, and both devices in systemd's /run/systemd/inaccessible.
bool does_no_harm(mode_t mode, dev_t device) {
  if (device == 0) return true;
  if (!S_ISCHR(mode)) return false;
  const auto major = ::major(device), minor = ::minor(device);
  if (major == 1) return minor == 3 || minor == 5 || (minor >= 7 && minor <= 9);
  return major == 5 && minor <= 2;
}

// The /dev of a base system has more devices, but a session has another /dev on top of it. Anywhere else, also in the
// folder dev of another folder, a device is an unexpected way to the machine's disks and memory.
bool lies_in_dev(const std::string& path) { return path.starts_with("dev/"); }

// udev before version 176 (Debian 7 and before) copied /lib/udev/devices into /dev at boot. Opening ppp, tun or fuse
// gives no additional rights. The kernel's log and the first loop device must be for root alone, who can make them
// anyway.
bool waits_for_old_udev(const std::string& path, mode_t mode, uid_t owner, dev_t device) {
  if (!path.starts_with("lib/udev/devices/") && !path.starts_with("usr/lib/udev/devices/")) return false;
  const bool of_root_alone = owner == 0 && (mode & S_IRWXO) == 0;
  if (S_ISBLK(mode)) return of_root_alone && device == ::makedev(7, 0);
  return device == ::makedev(108, 0) || device == ::makedev(10, 200) || device == ::makedev(10, 229) ||
         (of_root_alone && device == ::makedev(1, 11));
}

// sysfs(5): the kernel names the device node of each number that it has a driver for.
std::optional<struct stat> node_of_host(bool block, dev_t device) {
  const auto event = base::try_read_file(
      concat("/sys/dev/", block ? "block" : "char", '/', ::major(device), ':', ::minor(device), "/uevent"), 4096);
  if (!event) return std::nullopt;
  for (const auto& line : base::split(*event, '\n')) {
    if (!line.starts_with("DEVNAME=")) continue;
    struct stat facts {};
    if (::lstat(concat("/dev/", line.substr(8)).c_str(), &facts) != 0) return std::nullopt;
    if (facts.st_rdev == device && (block ? S_ISBLK(facts.st_mode) : S_ISCHR(facts.st_mode))) return facts;
  }
  return std::nullopt;
}

}  // namespace

bool device_belongs_there(const std::string& path, mode_t mode, uid_t owner, dev_t device) {
  return does_no_harm(mode, device) || lies_in_dev(path) || waits_for_old_udev(path, mode, owner, device);
}

bool limit_access(Member& member) {
  const bool block = member.type == Type::block_device;
  if (does_no_harm(block ? S_IFBLK : S_IFCHR, member.device) && !is_console(member.device)) return false;
  const auto host = node_of_host(block, member.device);
  const mode_t others = host ? host->st_mode & S_IRWXO : 0;
  mode_t group = others;
  if (member.gid == 0)  // root's
    group = S_IRWXO;
  else if (host && host->st_gid == member.gid)
    group |= (host->st_mode & S_IRWXG) >> 3;
  Member limited = member;
  limited.access_acl.clear();
  // An owner can change the mode, so an owner that the host's node does not have is replaced by root.
  if (!host || host->st_uid != member.uid) limited.uid = 0;
  limited.mode &= ~static_cast<mode_t>(S_IRWXG | S_IRWXO) | group << 3 | others;
  const bool changed = limited.mode != member.mode || limited.uid != member.uid || !member.access_acl.empty();
  member = std::move(limited);
  return changed;
}

}  // namespace unionroot::archive::detail
