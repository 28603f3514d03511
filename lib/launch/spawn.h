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
  int executable = -1;                 // O_PATH is enough
  std::vector<std::string> arguments;  // argv; the environment is empty
  // What the new process has as descriptor 0, 1, 2 ...; -1: closed. Borrowed.
  std::array<int, wire::first_free_descriptor> descriptors{-1, -1, -1, -1, -1, -1, -1, -1, -1};
};

struct Spawned {
  pid_t pid = 0;
  base::UniqueFd pidfd;
};

// Returns once the executable runs. It starts with every signal blocked. Throws SystemError.
Spawned spawn(const SpawnRequest& request);

}  // namespace unionroot::launch
