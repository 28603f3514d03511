#include "kernel/cgroup_folder.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <thread>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "kernel/files.h"

namespace unionroot::kernel {

namespace {

using base::fault_point;
using base::UniqueFd;

// False if the group contains groups or processes.
bool remove_group(int parent, const std::string& folder) {
  fault_point("cgroup rmdir");
  if (::unlinkat(parent, folder.c_str(), AT_REMOVEDIR) != 0) {
    if (errno == EBUSY || errno == ENOTEMPTY) return false;
    if (errno != ENOENT && errno != ENODEV) base::throw_errno("removing the control group", folder);
  }
  fault_point("cgroup rmdir done");
  return true;
}

// "populated" in cgroup.events, the kernel's cgroup-v2 manual. nullopt if the group is gone.
std::optional<bool> read_populated(int events) {
  char buffer[256];
  const auto count = ::pread(events, buffer, sizeof buffer, 0);
  if (count < 0 && errno == ENODEV) return std::nullopt;
  const std::string_view text(buffer, static_cast<std::size_t>(base::check(count, "reading cgroup.events")));
  return text.find("populated 0") == std::string_view::npos;
}

UniqueFd open_events(int group) {
  UniqueFd events(::openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC));
  if (!events && errno != ENOENT && errno != ENODEV) base::throw_errno("opening cgroup.events");
  return events;
}

// Waits until neither the group nor any group beneath it has a process.
bool wait_until_empty(int group, KillClock::time_point end) {
  const UniqueFd events = open_events(group);
  if (!events) return true;
  while (read_populated(events.get()).value_or(false)) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - KillClock::now()).count();
    if (left <= 0) return false;
    pollfd wait{events.get(), POLLPRI, 0};
    if (::poll(&wait, 1, static_cast<int>(std::min<std::int64_t>(left, 1000))) < 0 && errno != EINTR)
      base::throw_errno("waiting for a control group to become empty");
  }
  return true;
}

[[noreturn]] void give_up(int group, const std::string& whose) {
  std::vector<pid_t> pids;
  collect_processes(group, pids);
  const auto names = base::names_of(pids);
  throw base::Error(base::ErrorCode::timed_out,
                    base::concat("killing the processes of ", base::printable(whose),
                                 ": these remain: ", names.empty() ? "none that can be named" : names),
                    "they may wait for a device or a network file system; try again when it answers");
}

}  // namespace

UniqueFd try_open_group(int parent, const std::string& folder) {
  UniqueFd group(::openat(parent, folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!group && errno != ENOENT && errno != ENODEV) base::throw_errno("opening the control group", folder);
  return group;
}

std::vector<std::string> children_of(int group) { return list_directory(group, Listed::folders); }

void collect_processes(int group, std::vector<pid_t>& pids) {
  const UniqueFd file(::openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT || errno == ENODEV) return;  // removed meanwhile
    base::throw_errno("opening cgroup.procs");
  }
  for (const std::string& line : base::split(base::read_all(file.get(), "cgroup.procs"), '\n'))
    if (const auto pid = base::parse_unsigned(line)) pids.push_back(static_cast<pid_t>(*pid));
  for (const std::string& child : children_of(group))
    if (const UniqueFd opened = try_open_group(group, child)) collect_processes(opened.get(), pids);
}

void kill_group(int group) {
  {
    const UniqueFd events = open_events(group);
    if (!events || !read_populated(events.get()).value_or(false)) return;
  }
  fault_point("cgroup.kill");
  const UniqueFd file(::openat(group, "cgroup.kill", O_WRONLY | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT || errno == ENODEV) return;
    base::throw_errno("opening cgroup.kill");
  }
  if (::write(file.get(), "1", 1) != 1 && errno != ENODEV) base::throw_errno("writing cgroup.kill");
  fault_point("cgroup.kill done");
}

bool remove_groups(int parent, const std::string& folder) {
  if (remove_group(parent, folder)) return true;  // the usual case: a run's group has no groups beneath it
  if (const UniqueFd group = try_open_group(parent, folder))
    for (const std::string& child : children_of(group.get()))
      if (!remove_groups(group.get(), child)) return false;
  return remove_group(parent, folder);
}

void end_group(int parent, const std::string& folder, const std::string& whose, KillClock::time_point end) {
  const UniqueFd group = try_open_group(parent, folder);
  if (!group) return;
  for (;;) {
    if (!wait_until_empty(group.get(), end)) give_up(group.get(), whose);
    if (remove_groups(parent, folder)) return;
    if (KillClock::now() >= end) give_up(group.get(), whose);
    kill_group(group.get());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace unionroot::kernel
