// File systems on files and block devices: what images, devices, LVM snapshots and image upper layers have in common.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "definition/definition.h"
#include "session/stage.h"

namespace unionroot::session {

struct Disk {
  std::string what;           // "image", "device": for messages
  std::string path;           // on the host
  bool device = false;        // a block device; else a regular file
  unsigned partition = 0;     // of a file; 0: none
  std::string mount_options;  // as the definition has them
  bool copy = false;          // of a file system that may be mounted as well, with the same UUID
  bool used_before = true;    // a file: it may be mounted still, by a session that is just ending
};

// Opened, after it was seen to be what it should be: a block device, or a regular file that nobody but root can write
// to. Throws Error(stage_failed) naming the chroot.
base::UniqueFd open_disk(const std::string& chroot, const Disk& disk, bool read_only);

// Throws an error of that code: where a device is mounted, and which processes hold it by what.
[[noreturn]] void throw_in_use(const Services& services, const std::string& chroot, const Disk& disk,
                               base::ErrorCode code = base::ErrorCode::stage_failed);

// Identifies this very file or device and what was asked for: sessions for which it is the same may share a mount.
std::string disk_identity(int descriptor, const Disk& disk);

// Which file system is in it, in words that are the same after a restart of the machine: "ext4 UUID". Empty if it has
// nothing that tells it from another.
std::string disk_content(int descriptor, const Disk& disk);

// A detached mount of the file system in it; a file by a loop device that goes with the mount. Read-only means that
// not even a journal is replayed. Waits some seconds for a mount that is just going; a cancel breaks that off.
base::UniqueFd mount_disk(const Operation& operation, const Disk& disk, bool read_only);

// mkfs on a regular file that is all zeros, or on a block device whose content is not wanted any more.
struct Format {
  std::string filesystem;  // ext4, xfs, btrfs
  std::string path;
  bool device = false;
  bool journal = true;  // false: of ext4 that need not survive a crash
};
void make_filesystem(const Operation& operation, const Format& format);

}  // namespace unionroot::session
