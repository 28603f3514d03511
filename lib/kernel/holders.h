// Who keeps a mount or a device busy. One scan of /proc: for errors, not for hot paths.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace unionroot::kernel {

struct Holder {
  pid_t pid = 0;
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

// "held by pid 12 (sleep 5): working directory /x; pid 13 ...": at most five are named. Empty if there are none.
std::string describe(const std::vector<Holder>& holders);

// For "... is in use": "mounted on /mnt; held by pid 12 (sh): working directory /mnt/x", as far as this process' mount
// namespace and /proc show it; else "mounted elsewhere, or part of a volume".
std::string users_of_device(dev_t device);

}  // namespace unionroot::kernel
