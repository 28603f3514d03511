// Starts the helper, which becomes the command's supervisor.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/process_identity.h"
#include "base/unique_fd.h"
#include "kernel/process_end.h"
#include "launch/spec.h"

namespace unionroot::launch {

// Descriptors a run needs. The launcher duplicates what it hands on; the caller keeps its own.
struct LaunchDescriptors {
  int standard[3] = {-1, -1, -1};  // the caller's own; unused for a terminal and for a detached run
  int mount_namespace = -1;
  int root = -1;                   // O_PATH of the session's root: where devpts is found for a terminal
  int cgroup = -1;                 // of the command's group; -1: none
  int network = -1;                // the network namespace to enter; -1: this process's own
  int output = -1;                 // of a detached run: the file that keeps its output, open for appending
  int record = -1;                 // where the supervisor notes that its command has ended: a folder; -1: nowhere
  std::vector<int> session_locks;  // held open by the supervisor for as long as the run lasts
};

// A command that is ready to be executed, and waits for go(). Closing `control` instead gives it up: nothing of it was
// executed, and the supervisor ends.
struct LaunchedRun {
  base::ProcessIdentity supervisor;
  base::UniqueFd pidfd;    // readable when the supervisor has ended
  base::UniqueFd control;  // the client's end of the control socket: goes to the client
  base::UniqueFd end;      // for read_end
  base::UniqueFd hold;     // the supervisor's end again: while it is open the client sees no end of file,
                           // so that the daemon can end an automatic session first

  // Once, before `control` is handed on. Throws SystemError.
  void go() const;
};

// Thread-safe. The helper is opened once and executed with execveat through vfork semantics (posix_spawn-like clone
// with VM|VFORK): the daemon's size does not matter.
//
// The supervisor is a process of its own session (setsid), outside the run's control group and outside the session's
// namespace. It starts the command in them, holds the control socket (control.h), ends the command when the client
// goes away (SIGHUP, SIGTERM, 2 s later cgroup.kill or SIGKILL), reports the exit status itself, and so survives the
// daemon.
class Launcher {
 public:
  explicit Launcher(const std::string& helper_path);  // throws Error naming the path and what to do

  // Returns once the supervisor has started, with a command that waits for go(); its start (or failure: not found, not
  // executable, directory missing) is reported over the control socket.
  LaunchedRun launch(const LaunchSpec& spec, const LaunchDescriptors& descriptors);

 private:
  base::UniqueFd helper_;
  base::UniqueFd null_;
};

struct RunEnd {
  kernel::ProcessEnd how;       // of the command
  bool left_processes = false;  // the supervisor stays with them
  bool out_of_memory = false;   // it was killed, and the kernel has killed in its control group for that
  bool timed_out = false;       // as its client said
  std::int64_t at = 0;          // microseconds since the epoch; 0: it was told when it happened
};

// How the run ended, as its supervisor told; unknown if it goes on, or if the supervisor was killed. `end`:
// LaunchedRun::end. Once, unless it has left processes: a later daemon is to know it too.
RunEnd read_end(int end);

// The same from the folder that the supervisor had (LaunchDescriptors::record), after its end.
RunEnd recorded_end(int record);

// Whether the supervisor that had this folder (LaunchDescriptors::record) saw its command end. False: it was killed
// before that.
bool saw_the_end(int record);

// LaunchedRun::end of a supervisor that a former daemon has started. None if this process cannot have it.
base::UniqueFd end_of_supervisor(int pidfd);

// Reaps a supervisor that has ended (LaunchedRun::pidfd became readable). Does nothing if it goes on, or was started by
// a former daemon. Throws SystemError.
void reap(int pidfd);

// The same for one whose control socket has been closed, so that it is about to end: waits for it. Throws Error.
void wait_and_reap(int pidfd);

}  // namespace unionroot::launch
