// File systems in files and on block devices. Images, devices, LVM snapshots and image upper layers use this.
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
  bool device = false;        // false: a regular file
  unsigned partition = 0;     // of a file; 0: none
  std::string mount_options;  // as in the definition
  bool copy = false;          // a copy of a file system that may be mounted too, with the same UUID
  bool used_before = true;    // a file: a session that is ending may still have it mounted
};

// Checks what it opens: it must be a block device, or a regular file that only root can write. Throws
// Error(stage_failed) naming the chroot.
base::UniqueFd open_disk(const std::string& chroot, const Disk& disk, bool read_only);

// Throws Error(code). The message tells where the device is mounted and which processes hold it.
[[noreturn]] void throw_in_use(const Services& services, const std::string& chroot, const Disk& disk,
                               base::ErrorCode code = base::ErrorCode::stage_failed);

// Identifies this file or device and its options. Sessions with the same identity may share a mount.
std::string disk_identity(int descriptor, const Disk& disk);

// The file system in it: "ext4 UUID". It is the same after a reboot. Empty if the content has no UUID.
std::string disk_content(int descriptor, const Disk& disk);

// A detached mount of the file system in it. A file gets a loop device that goes with the mount. A read-only mount does
// not even replay a journal. Waits up to 5 s for an earlier mount of a file to go. A cancel ends the wait.
base::UniqueFd mount_disk(const Operation& operation, const Disk& disk, bool read_only);

// Runs mkfs on a regular file that is all zeros, or on a block device. The device's content is lost.
struct Format {
  std::string filesystem;  // ext4, xfs, btrfs
  std::string path;
  bool device = false;
  bool journal = true;  // false: for an ext4 that need not survive a crash
};
void make_filesystem(const Operation& operation, const Format& format);

}  // namespace unionroot::session
