// Control groups, version 2: how a session's processes are found and killed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::kernel {

// Where the command of a run is to be.
struct RunGroup {
  base::UniqueFd record;            // <base>/<session>/<run>: what is known of the run is noted there
  base::UniqueFd outside;           // its group beneath its caller's, where it is not in `record` itself
  std::string path;                 // of its group in the hierarchy of version 2; empty: its supervisor's
  std::vector<std::string> joined;  // folders of its caller's groups of version 1, which it joins

  // Borrowed; -1: it stays in its supervisor's.
  [[nodiscard]] int group() const { return outside ? outside.get() : record ? record.get() : -1; }
};

// The daemon's own subtree. Throws SystemError unless stated. Where there is no cgroup v2 with cgroup.kill,
// available() is false, every create gives an empty descriptor, and killing is by pidfd and a scan of /proc.
//
// A run in its caller's group has its group there, and a folder in the daemon's subtree as well. That has no process.
// It is made first, and says where the other one is (an extended attribute). So each of the functions below finds the
// group of a run wherever it is, after a crash of the daemon too.
class Cgroups {
 public:
  virtual ~Cgroups() = default;

  [[nodiscard]] virtual bool available() const = 0;
  [[nodiscard]] virtual std::string description() const = 0;  // where, or why not; for the log and `info`

  // <base>/<session>/<run>: made; an O_PATH|O_DIRECTORY descriptor of it.
  virtual base::UniqueFd create(const std::string& session, const std::string& run) = 0;
  // For a run. callers: the text of its caller's /proc/PID/cgroup. nullopt: it is to be in the daemon's. Throws
  // Error(access_denied) if the command cannot be in the caller's groups: it is not put into another one instead.
  virtual RunGroup create_run(const std::string& session, const std::string& run,
                              const std::optional<std::string>& callers) = 0;
  // A descriptor of a folder in the daemon's subtree; empty if there is none.
  [[nodiscard]] virtual base::UniqueFd open(const std::string& session, const std::string& run) const = 0;
  // cgroup.kill, then waits until it is empty; removes all groups of the session (or that one run's). Idempotent.
  // Gives up with Error(timed_out) naming pids that remain.
  virtual void kill(const std::string& session, const std::string& run, std::chrono::milliseconds limit) = 0;
  // Removes an empty group; a group that is not there is no error.
  virtual void remove(const std::string& session, const std::string& run) = 0;
  [[nodiscard]] virtual std::vector<std::string> sessions() const = 0;  // names of the groups that exist
  // Of a session: those that have a group beneath their caller's, or were to have one.
  [[nodiscard]] virtual std::vector<std::string> runs_outside(const std::string& session) const = 0;
  [[nodiscard]] virtual std::vector<pid_t> processes(const std::string& session) const = 0;
};

// `name` tells several daemons apart: the folder beneath the daemon's own (delegated) group. former: the folder of a
// former version, whose groups are killed and removed too; empty if there is none.
std::unique_ptr<Cgroups> real_cgroups(const std::string& name, const std::string& former = {});

// Cgroups::remove. False if there are processes in it.
bool remove_if_empty(Cgroups& cgroups, const std::string& session, const std::string& run);

struct Process {
  pid_t pid;
  std::string command;
};

// Every process whose mount namespace is the given inode: one scan of /proc.
std::vector<Process> processes_in_mount_namespace(ino_t inode);

// The fall-back: SIGKILL by pidfd to each of those, again until a scan finds none or the limit is over; then
// Error(timed_out).
void kill_mount_namespace(ino_t inode, std::chrono::milliseconds limit);

}  // namespace unionroot::kernel
