#include "archive/member.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <utility>

#include "archive/archive.h"
#include "base/error.h"
#include "base/text.h"

namespace unionroot::archive {

Limits limits_for(std::uint64_t bytes) {
  Limits limits;
  if (bytes == 0) return limits;
  constexpr std::uint64_t fewest = 65536;
  limits.bytes = bytes;
  limits.members = std::max(fewest, bytes / 4096);
  return limits;
}

namespace detail {

namespace {

// null, zero, full, random and urandom; tty, console and ptmx: mem(4), null(4), random(4), tty(4). And 0:0, which
// nobody can open: overlayfs's whiteout, and both kinds in systemd's /run/systemd/inaccessible.
bool does_no_harm(mode_t mode, dev_t device) {
  if (device == 0) return true;
  if (!S_ISCHR(mode)) return false;
  const auto major = ::major(device), minor = ::minor(device);
  if (major == 1) return minor == 3 || minor == 5 || (minor >= 7 && minor <= 9);
  return major == 5 && minor <= 2;
}

// Base systems have more than those in their /dev, where sessions have another /dev on top. Anywhere else a device is a
// way to the machine's disks and memory that nobody looks for.
bool lies_in_dev(const std::string& path) {
  const auto parts = base::split(path, '/');
  return parts.size() > 1 && std::find(parts.begin(), parts.end() - 1, "dev") != parts.end() - 1;
}

// udev before version 176 (Debian 7 and before) copied /lib/udev/devices into /dev at boot. Who opens ppp, tun or fuse
// has no more than without; the kernel's log and the first loop device are to be root's alone, who can make them
// anyway.
bool waits_for_old_udev(const std::string& path, mode_t mode, uid_t owner, dev_t device) {
  if (!path.starts_with("lib/udev/devices/") && !path.starts_with("usr/lib/udev/devices/")) return false;
  const bool of_root_alone = owner == 0 && (mode & S_IRWXO) == 0;
  if (S_ISBLK(mode)) return of_root_alone && device == ::makedev(7, 0);
  return device == ::makedev(108, 0) || device == ::makedev(10, 200) || device == ::makedev(10, 229) ||
         (of_root_alone && device == ::makedev(1, 11));
}

}  // namespace

void refuse(const std::string& archive, std::string_view member, std::string_view why) {
  refuse(archive, member, why,
         "such an archive is not unpacked, since it may mean harm; make it anew (tar -C TREE -c .)");
}

void refuse(const std::string& archive, std::string_view member, std::string_view why, std::string hint) {
  throw base::Error(base::ErrorCode::failed,
                    base::concat("member '", base::printable(member), "' of ", base::printable(archive), " ", why),
                    std::move(hint));
}

std::string clean_name(const std::string& archive, std::string_view name) {
  if (name.empty()) refuse(archive, name, "has no name");
  if (name.front() == '/') refuse(archive, name, "has an absolute name");
  std::string clean;
  for (const auto& part : base::split(name, '/')) {
    if (part == ".") continue;
    if (part == "..") refuse(archive, name, "has '..' in its name");
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

bool device_belongs_there(const std::string& path, mode_t mode, uid_t owner, dev_t device) {
  return does_no_harm(mode, device) || lies_in_dev(path) || waits_for_old_udev(path, mode, owner, device);
}

}  // namespace detail

}  // namespace unionroot::archive
