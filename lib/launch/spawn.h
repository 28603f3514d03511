// Starting an executable from a large process with many threads, at a cost that does not grow with it.
#pragma once

#include <sys/types.h>

#include <array>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "launch/wire.h"

namespace unionroot::launch {

struct SpawnRequest {
  int executable = -1;  // O_PATH is enough
  // Instead of `executable`: an absolute path, for scripts, which their interpreters open by name.
  std::string path;
  std::vector<std::string> arguments;    // argv
  std::vector<std::string> environment;  // NAME=VALUE; usually none
  int cgroup_processes = -1;             // cgroup.procs of the group to be in, open for writing. Borrowed.
  // A program that knows nothing of us: a session of its own (setsid), every signal at its default and none blocked. It
  // is killed when the calling thread ends.
  bool stranger = false;
  // What the new process has as descriptor 0, 1, 2 ...; -1: closed. Borrowed.
  std::array<int, wire::first_free_descriptor> descriptors{-1, -1, -1, -1, -1, -1, -1, -1, -1};
};

struct Spawned {
  pid_t pid = 0;
  base::UniqueFd pidfd;
};

// Returns once the executable runs, in the namespaces and the working directory of the calling thread. It starts with
// every signal blocked, unless it is a stranger. Throws SystemError.
Spawned spawn(const SpawnRequest& request);

}  // namespace unionroot::launch
