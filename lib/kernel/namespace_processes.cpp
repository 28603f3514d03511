// Finds and kills processes by their mount namespace: the fall-back without cgroup.kill.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "kernel/cgroups.h"
#include "kernel/files.h"

namespace unionroot::kernel {

namespace {

using base::UniqueFd;

// True if the process `name` (a pid) is in the namespace. The link reads "mnt:[4026531840]"; a zombie has none.
bool lives_in(int proc, const std::string& name, const std::string& wanted) {
  char buffer[64];
  const auto length = ::readlinkat(proc, (name + "/ns/mnt").c_str(), buffer, sizeof buffer);
  return length > 0 && std::string_view(buffer, static_cast<std::size_t>(length)) == wanted;
}

std::string link_text(ino_t inode) { return base::concat("mnt:[", inode, "]"); }

UniqueFd open_proc() { return open_directory("/proc"); }

std::vector<pid_t> find(int proc, ino_t inode) {
  const std::string wanted = link_text(inode);
  std::vector<pid_t> found;
  for (const std::string& name : list_directory(proc)) {
    const auto pid = base::parse_unsigned(name);
    // Never this process: one of its threads may be in the namespace at the moment.
    if (!pid || static_cast<pid_t>(*pid) == ::getpid()) continue;
    if (lives_in(proc, name, wanted)) found.push_back(static_cast<pid_t>(*pid));
  }
  return found;
}

int milliseconds_left(std::chrono::steady_clock::time_point end) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

// A pidfd of the process, if it is still in the namespace. The check follows the opening of the pidfd, so that a reused
// pid is not killed.
UniqueFd hold(int proc, pid_t pid, const std::string& wanted) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    if (errno == ESRCH || errno == EINVAL) return {};
    base::throw_errno("opening a pidfd of", std::to_string(pid));
  }
  if (!lives_in(proc, std::to_string(pid), wanted)) return {};
  return pidfd;
}

}  // namespace

std::vector<Process> processes_in_mount_namespace(ino_t inode) {
  std::vector<Process> processes;
  const UniqueFd proc = open_proc();
  for (const pid_t pid : find(proc.get(), inode)) processes.push_back({pid, base::command_of(pid)});
  return processes;
}

void kill_mount_namespace(ino_t inode, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  const UniqueFd proc = open_proc();
  const std::string wanted = link_text(inode);
  if (lives_in(proc.get(), "self", wanted))
    throw base::Error(base::ErrorCode::invalid_argument, "refusing to kill every process of our own mount namespace");
  for (;;) {
    const std::vector<pid_t> pids = find(proc.get(), inode);
    if (pids.empty()) return;
    std::vector<UniqueFd> held;
    base::fault_point("kill");
    for (const pid_t pid : pids) {
      UniqueFd pidfd = hold(proc.get(), pid, wanted);
      if (!pidfd) continue;
      if (::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH)
        base::throw_errno("killing process", std::to_string(pid));
      if (held.size() < 256) held.push_back(std::move(pidfd));
    }
    base::fault_point("kill done");
    for (const UniqueFd& pidfd : held) {
      pollfd wait{pidfd.get(), POLLIN, 0};
      if (::poll(&wait, 1, milliseconds_left(end)) < 0 && errno != EINTR) base::throw_errno("waiting for a process");
    }
    if (milliseconds_left(end) > 0) continue;
    const auto names = base::names_of(find(proc.get(), inode));
    if (names.empty()) return;
    throw base::Error(base::ErrorCode::timed_out,
                      base::concat("killing the session's processes: these remain: ", names),
                      "they may wait for a device or a network file system; try again when it answers");
  }
}

}  // namespace unionroot::kernel
