// Control groups, version 2: how a session's processes are found and killed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::kernel {

// The daemon's own subtree. Throws SystemError unless stated. Where there is no cgroup v2 with cgroup.kill,
// available() is false, every create gives an empty descriptor, and killing is by pidfd and a scan of /proc.
class Cgroups {
 public:
  virtual ~Cgroups() = default;

  [[nodiscard]] virtual bool available() const = 0;
  [[nodiscard]] virtual std::string description() const = 0;  // where, or why not; for the log and `info`

  // <base>/<session>/<run>: made; an O_PATH|O_DIRECTORY descriptor of it.
  virtual base::UniqueFd create(const std::string& session, const std::string& run) = 0;
  // A descriptor of a group that was made; empty if there is none.
  [[nodiscard]] virtual base::UniqueFd open(const std::string& session, const std::string& run) const = 0;
  // cgroup.kill, then waits until it is empty; removes all groups of the session (or that one run's). Idempotent.
  // Gives up with Error(timed_out) naming pids that remain.
  virtual void kill(const std::string& session, const std::string& run, std::chrono::milliseconds limit) = 0;
  // Removes an empty group; a group that is not there is no error.
  virtual void remove(const std::string& session, const std::string& run) = 0;
  [[nodiscard]] virtual std::vector<std::string> sessions() const = 0;  // names of the groups that exist
  [[nodiscard]] virtual std::vector<pid_t> processes(const std::string& session) const = 0;
};

// `name` tells several daemons apart: the folder beneath the daemon's own (delegated) group. former: the folder of a
// former version, whose groups are killed and removed too; empty if there is none.
std::unique_ptr<Cgroups> real_cgroups(const std::string& name, const std::string& former = {});

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
