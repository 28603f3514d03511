// Finds the processes that keep a mount or a device busy. Each call scans /proc: for error messages, not for hot paths.
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

// The processes, except this one, that hold something in the mount at `path`. Each process appears once, with the first
// thing that was found. Empty if there is none, or if nothing is at the path.
std::vector<Holder> holders_of_mount(const std::string& path);

// The same for a file system or a block device, wherever it is mounted. `device` is st_dev of the files in the file
// system (stat(2)), or st_rdev of the device node.
std::vector<Holder> holders_of_device(dev_t device);

// A file by its numbers from stat(2): the device of its file system, and its inode.
struct FileNumber {
  dev_t device = 0;
  ino_t inode = 0;
};
FileNumber file_number(int descriptor);  // throws SystemError

// The id of the mount that the descriptor is in; no other mount ever has it. 0 before Linux 6.8.
std::uint64_t unique_mount_id(int descriptor);

// The same for several things. An overlay shows different devices for its files and its folders, so its device alone
// does not find all holders.
struct HeldThings {
  std::vector<dev_t> devices;         // as for holders_of_device
  std::vector<std::uint64_t> mounts;  // unique_mount_id()
  std::vector<FileNumber> files;      // such as a namespace, which is held by a descriptor of its file
};
std::vector<Holder> holders_of(const HeldThings& things);

// "held by pid 12 (sleep 5): working directory /x; pid 13 ...". Names at most five. Empty if there are none.
std::string describe(const std::vector<Holder>& holders);

// Completes "... is in use", for example with "mounted on /mnt; held by pid 12 (sh): working directory /mnt/x". It
// tells what this process's mount namespace and /proc show, else "mounted elsewhere, or part of a volume".
std::string users_of_device(dev_t device);

}  // namespace unionroot::kernel
