#include "launch/helper/oom.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace unionroot::helper {

namespace {

namespace wire = launch::wire;

// The number in the line "oom_kill N"; -1 if there is no such file or line.
long long count_in(int folder, const char* name) {
  const int file = openat(folder, name, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  char text[1024] = {};
  const ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  constexpr char key[] = "oom_kill ";
  const char* const line = size > 0 ? strstr(text, key) : nullptr;
  return line != nullptr ? strtoll(line + sizeof key - 1, nullptr, 10) : -1;
}

// Memory is counted in a group above, if the one above does not give that to its children.
long long count_above(int group) {
  int folder = openat(group, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  long long count = -1;
  while (folder >= 0 && count < 0 && faccessat(folder, "cgroup.procs", F_OK, 0) == 0) {
    count = count_in(folder, "memory.events");
    const int above = openat(folder, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    close(folder);
    folder = above;
  }
  if (folder >= 0) close(folder);
  return count;
}

}  // namespace

long long killed_for_memory(const Spec& spec) {
  long long count = spec.has(wire::has_cgroup) ? count_above(wire::cgroup_descriptor) : -1;
  for (uint32_t i = 0; i < spec.header->joined && count <= 0; ++i) {
    const int folder = open(spec.joined[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) continue;
    const long long joined = count_in(folder, "memory.oom_control");
    if (joined > count) count = joined;
    close(folder);
  }
  return count > 0 ? count : 0;
}

}  // namespace unionroot::helper
