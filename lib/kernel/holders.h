// Who keeps a mount or a device busy. One scan of /proc: for errors, not for hot paths.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace unionroot::kernel {

struct Holder {
  pid_t pid = 0;
  uid_t uid = 0;
  std::string command;
  std::string
      how;  // "working directory /x", "root directory /x", "executable /x", "descriptor 5 (/x)", "mapped file /x"
};

// Processes, ourselves excepted, that hold something in the mount that `path` leads to: one line a process, the first
// thing it was found to hold. Empty if there is none, or nothing at the path.
std::vector<Holder> holders_of_mount(const std::string& path);

// The same for a file system or a block device, wherever it is mounted: by the number that stat(2) gives for files in
// it (st_dev), or for the device's node (st_rdev).
std::vector<Holder> holders_of_device(dev_t device);

// A file by its numbers, in the file system that it is in: stat(2).
struct FileNumber {
  dev_t device = 0;
  ino_t inode = 0;
};
FileNumber file_number(int descriptor);  // throws SystemError

// The number of the mount that a descriptor is in, which no other mount ever has; 0 before Linux 6.8.
std::uint64_t unique_mount_id(int descriptor);

// The same for any of these. An overlay shows other devices for its files than for its folders, so that not all who
// hold it are found by its device.
struct HeldThings {
  std::vector<dev_t> devices;         // as for holders_of_device
  std::vector<std::uint64_t> mounts;  // unique_mount_id()
  std::vector<FileNumber> files;      // a namespace, which is held by a descriptor of its file
};
std::vector<Holder> holders_of(const HeldThings& things);

// "held by pid 12 (sleep 5): working directory /x; pid 13 ...": at most five are named. Empty if there are none.
std::string describe(const std::vector<Holder>& holders);

// For "... is in use": "mounted on /mnt; held by pid 12 (sh): working directory /mnt/x", as far as this process' mount
// namespace and /proc show it; else "mounted elsewhere, or part of a volume".
std::string users_of_device(dev_t device);

}  // namespace unionroot::kernel
