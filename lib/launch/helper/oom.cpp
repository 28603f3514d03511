#include "launch/helper/oom.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launch/helper/group_files.h"

namespace unionroot::helper {

namespace {

namespace wire = launch::wire;

// The number in the line "oom_kill N"; -1 if the file or the line does not exist.
long long count_in(int folder, const char* name) {
  char text[1024];
  constexpr char key[] = "oom_kill ";
  const char* const line = read_group_file(folder, name, text, sizeof text) ? strstr(text, key) : nullptr;
  return line != nullptr ? strtoll(line + sizeof key - 1, nullptr, 10) : -1;
}

// A group without a memory controller is counted in a group above it.
long long count_above(int group) {
  long long count = -1;
  look_upwards(group, [&count](int folder) {
    count = count_in(folder, "memory.events");
    return count >= 0;
  });
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
