// Files of control groups, and the way from a group up to its hierarchy's root.
#pragma once

#include <fcntl.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

namespace unionroot::helper {

// The text of the group's file, with a zero behind it, cut at `size`. False if there is none.
bool read_group_file(int folder, const char* name, char* text, size_t size);

// Calls look(folder) of the group and of each one above it, until it says true. Whether it did.
template <typename Look>
bool look_upwards(int group, const Look& look) {
  int folder = openat(group, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  bool found = false;
  // Above the hierarchy's root there is no such file.
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
