// Control groups of version 2: how a session's processes are found and killed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::kernel {

// The control groups for the command of a run.
struct RunGroup {
  base::UniqueFd record;            // <base>/<session>/<run>: stores what is known of the run
  base::UniqueFd outside;           // the group beneath the caller's group, if the command is not in `record` itself
  std::string path;                 // of the group in the hierarchy of version 2; empty: the supervisor's group
  std::vector<std::string> joined;  // folders of the caller's groups of version 1, which the command joins

  // Borrowed. -1: the command stays in its supervisor's group.
  [[nodiscard]] int group() const { return outside ? outside.get() : record ? record.get() : -1; }
};

// The daemon's own subtree. All methods throw SystemError unless stated otherwise. Without cgroup v2 and cgroup.kill,
// available() is false, every create gives an empty descriptor, and processes are killed by pidfd and a scan of /proc.
//
// A run in its caller's group has two folders: its group beneath the caller's group, and a folder without processes in
// the daemon's subtree. The latter is made first. It stores the path of the former in an extended attribute. So each
// method below finds the group of a run wherever it is, also after a crash of the daemon.
class Cgroups {
 public:
  virtual ~Cgroups() = default;

  [[nodiscard]] virtual bool available() const = 0;
  [[nodiscard]] virtual std::string description() const = 0;  // where, or why there are none; for the log and `info`

  // Makes <base>/<session>/<run> and returns a readable descriptor of that folder.
  virtual base::UniqueFd create(const std::string& session, const std::string& run) = 0;
  // Makes the groups of a run. `callers`: the text of its caller's /proc/PID/cgroup; nullopt: the run is in the
  // daemon's subtree. `outlives`: the run may outlive its caller, so its group is beside its caller's unit
  // (caller_limits.h). Throws Error(access_denied) if the command cannot be in its caller's groups, or not with their
  // limits: it is never put into another group instead.
  virtual RunGroup create_run(const std::string& session, const std::string& run,
                              const std::optional<std::string>& callers, bool outlives) = 0;
  // A descriptor of a run's folder in the daemon's subtree; empty if there is none.
  [[nodiscard]] virtual base::UniqueFd open(const std::string& session, const std::string& run) const = 0;
  // Kills the processes of the session, or of one run, by cgroup.kill. Waits until the groups are empty and removes
  // them. An empty `run` means the whole session. Idempotent. After `limit` throws Error(timed_out) with the remaining
  // pids.
  virtual void kill(const std::string& session, const std::string& run, std::chrono::milliseconds limit) = 0;
  // Removes an empty group. It is no error if there is none. Throws SystemError(EBUSY) if it still has processes.
  virtual void remove(const std::string& session, const std::string& run) = 0;
  [[nodiscard]] virtual std::vector<std::string> sessions() const = 0;  // names of the sessions that have a group
  // The runs of a session that have a group beneath their caller's group, or for which one was noted before it was
  // made.
  [[nodiscard]] virtual std::vector<std::string> runs_outside(const std::string& session) const = 0;
  [[nodiscard]] virtual std::vector<pid_t> processes(const std::string& session) const = 0;
};

// `name` distinguishes several daemons: it is the folder beneath the daemon's own (delegated) group. `former`: the
// folder of an earlier version, whose groups are killed and removed too; empty if there is none.
std::unique_ptr<Cgroups> real_cgroups(const std::string& name, const std::string& former = {});

// Calls Cgroups::remove. False if the group still has processes.
bool remove_if_empty(Cgroups& cgroups, const std::string& session, const std::string& run);

struct Process {
  pid_t pid;
  std::string command;
};

// All processes in the mount namespace with this inode. Scans /proc once.
std::vector<Process> processes_in_mount_namespace(ino_t inode);

// The fall-back: sends SIGKILL by pidfd to each of these processes and scans again, until there are none. After `limit`
// throws Error(timed_out).
void kill_mount_namespace(ino_t inode, std::chrono::milliseconds limit);

}  // namespace unionroot::kernel
