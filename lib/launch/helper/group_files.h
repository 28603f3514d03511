// Reads files of control groups, and walks from a group up to the root of its hierarchy.
#pragma once

#include <fcntl.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

namespace unionroot::helper {

// Reads the group's file into `text`, zero-terminated and truncated to `size`. False if the file does not exist or is
// empty.
bool read_group_file(int folder, const char* name, char* text, size_t size);

// Calls look(folder) for the group and each one above it until it returns true. Returns whether it did.
template <typename Look>
bool look_upwards(int group, const Look& look) {
  int folder = openat(group, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  bool found = false;
  // The folder above the hierarchy's root has no such file.
  while (folder >= 0 && !found && faccessat(folder, "cgroup.procs", F_OK, 0) == 0) {
    found = look(folder);
    const int above = openat(folder, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    close(folder);
    folder = above;
  }
  if (folder >= 0) close(folder);
  return found;
}

}  // namespace unionroot::helper
