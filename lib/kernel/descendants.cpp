#include "kernel/descendants.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <map>
#include <set>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "kernel/files.h"

namespace unionroot::kernel {

namespace {

using base::ProcessStat;
using base::UniqueFd;
using Clock = std::chrono::steady_clock;

// An ancestor without descendants ends. If it does not end in this time, somebody has stopped it, and it is not waited
// for.
constexpr std::chrono::seconds none_for{1};

using Processes = std::map<pid_t, ProcessStat>;

Processes descendants_of(const std::vector<pid_t>& ancestors) {
  Processes all;
  for (const auto& name : list_directory(open_directory("/proc").get()))
    if (const auto pid = base::parse_unsigned(name))
      if (const auto seen = base::process_stat(static_cast<pid_t>(*pid))) all.emplace(static_cast<pid_t>(*pid), *seen);
  std::multimap<pid_t, pid_t> children;
  for (const auto& [pid, seen] : all) children.emplace(seen.parent, pid);
  Processes found;
  std::vector<pid_t> rest = ancestors;
  std::set<pid_t> visited;
  while (!rest.empty()) {
    const pid_t parent = rest.back();
    rest.pop_back();
    if (!visited.insert(parent).second) continue;
    const auto [begin, end] = children.equal_range(parent);
    for (auto child = begin; child != end; ++child) {
      rest.push_back(child->second);
      if (const auto& seen = all.at(child->second); !seen.is_dead()) found.emplace(child->second, seen);
    }
  }
  return found;
}

// Signals only this process, not a later one with the same pid: the start time is compared after the pidfd was opened.
void send(pid_t pid, const ProcessStat& process, int number) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    if (errno == ESRCH || errno == EINVAL) return;
    base::throw_errno("opening a pidfd of", std::to_string(pid));
  }
  const auto now = base::process_stat(pid);
  if (!now || now->start_time != process.start_time) return;
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) != 0 && errno != ESRCH)
    base::throw_errno("signalling process", std::to_string(pid));
}

// All are stopped first, so that they make no new processes while they are killed one by one.
// ended: whether an ancestor has, so that its pid may be another's by now. Then nothing more is looked for.
void stop_and_kill(
    const std::vector<pid_t>& ancestors, const std::function<bool()>& ended = [] { return false; }) {
  constexpr int rounds = 20;
  Processes stopped;
  for (int round = 0; round < rounds; ++round) {
    bool more = false;
    const auto found = descendants_of(ancestors);
    if (ended()) break;
    for (const auto& [pid, seen] : found) {
      const auto known = stopped.find(pid);
      if (known != stopped.end() && known->second.start_time == seen.start_time) continue;
      send(pid, seen, SIGSTOP);
      stopped[pid] = seen;
      more = true;
    }
    if (!more) break;
  }
  base::fault_point("killing descendants");
  for (const auto& [pid, seen] : stopped) send(pid, seen, SIGKILL);
}

// The ancestors that have not ended. Waits up to 5 ms for them.
std::vector<pid_t> living(const std::vector<Ancestor>& ancestors) {
  constexpr int moment = 5;
  std::vector<pid_t> pids;
  for (const auto& ancestor : ancestors) {
    pollfd ended{ancestor.pidfd.get(), POLLIN, 0};
    if (::poll(&ended, 1, pids.empty() ? moment : 0) != 1) pids.push_back(ancestor.pid);
  }
  return pids;
}

bool have_children(const std::vector<pid_t>& pids) {
  for (const pid_t pid : pids) {
    const auto children = base::try_read_file(base::concat("/proc/", pid, "/task/", pid, "/children"));
    if (!children || !children->empty()) return true;
  }
  return false;
}

[[noreturn]] void give_up(const std::vector<pid_t>& ancestors) {
  std::vector<pid_t> pids;
  for (const auto& [pid, seen] : descendants_of(ancestors)) pids.push_back(pid);
  const auto names = base::names_of(pids);
  throw base::Error(base::ErrorCode::timed_out,
                    base::concat("killing what its commands have started: these remain: ",
                                 names.empty() ? "none that can be named" : names),
                    "they may wait for a device or a network file system, or be frozen; try again when they go on");
}

}  // namespace

std::size_t signal_descendants(const Ancestor& ancestor, int number) {
  // The pid is its own until it has ended: what was found before that is its.
  const auto ended = [&ancestor] {
    pollfd watched{ancestor.pidfd.get(), POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
  };
  const auto found = descendants_of({ancestor.pid});
  if (ended()) return 0;
  if (number == SIGKILL)
    stop_and_kill({ancestor.pid}, ended);
  else
    for (const auto& [pid, seen] : found) send(pid, seen, number);
  return found.size();
}

void end_descendants(const std::vector<Ancestor>& ancestors, std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  auto had_some = Clock::now();
  for (;;) {
    const auto left = living(ancestors);
    if (left.empty()) return;
    const auto now = Clock::now();
    if (have_children(left)) {
      had_some = now;
      stop_and_kill(left);
    }
    if (now - had_some > none_for) return;
    if (now >= end) give_up(left);
  }
}

}  // namespace unionroot::kernel
