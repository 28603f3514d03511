// The only way in which this process starts a program: the supervisor of a run, a hook, mkfs, lvcreate. The cost does
// not grow with the size of this process.
//
// What the program inherits (execve(2), fork(2)), and what it gets instead:
//   descriptors           those of the request, and no others
//   limit of open files   the soft limit that this process was started with (raise_open_files_limit)
//   other limits          this process's, which it never changes
//   signals               all have their default action and none is blocked, unless the request says so
//   process session       a new one, so a new process group and no controlling terminal
//   working directory     the root of the calling thread
//   umask                 022
//   environment           that of the request
//   root, namespaces      those of the calling thread (mount/host_copy.h)
//   control group         that of the request, or this process's
//   nice value, processors, scheduling, timer slack, I/O and out-of-memory priority, credentials, capabilities,
//   personality, keyrings, seccomp filters
//                         those of the calling thread; no thread that starts programs changes them
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::kernel {

struct SpawnRequest {
  int executable = -1;  // O_PATH is enough. Borrowed.
  // Instead of `executable`: an absolute path, for scripts, because their interpreters open them by name.
  std::string path;
  std::vector<std::string> arguments;    // argv
  std::vector<std::string> environment;  // NAME=VALUE
  std::vector<int> descriptors;          // the program's descriptors 0, 1, 2 ...; -1: closed. Borrowed.
  int cgroup_processes = -1;             // cgroup.procs of the group for the program, open for writing. Borrowed.
  bool signals_blocked = false;          // all signals are blocked when the program starts
  bool dies_with_thread = false;         // SIGKILL when the calling thread ends (PR_SET_PDEATHSIG)
};

struct Spawned {
  pid_t pid = 0;
  base::UniqueFd pidfd;
};

// Returns when the program runs. If it throws SystemError, there is no process.
Spawned spawn(const SpawnRequest& request);

// Raises this process's soft limit of open files to the hard limit. Programs that spawn starts get the former soft
// limit. Call it once, before other threads start programs. Throws SystemError.
void raise_open_files_limit();

}  // namespace unionroot::kernel
