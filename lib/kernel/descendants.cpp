#include "kernel/descendants.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "kernel/files.h"

namespace unionroot::kernel {

namespace {

using base::UniqueFd;
using Clock = std::chrono::steady_clock;

// From then on an ancestor that does not end is none of ours to wait for: somebody has stopped it.
constexpr std::chrono::seconds none_for{1};

struct Seen {
  pid_t parent = 0;
  std::uint64_t start = 0;
  char state = '?';
};

// /proc/PID/stat, proc(5). The command's name is in parentheses and may have any character in it.
std::optional<Seen> look_at(pid_t pid) {
  const auto text = base::try_read_file(base::concat("/proc/", pid, "/stat"), 4096);
  const auto name_end = text ? text->rfind(')') : std::string::npos;
  if (name_end == std::string::npos) return std::nullopt;
  const auto fields = base::split(std::string_view(*text).substr(name_end + 1), ' ');
  constexpr std::size_t state = 0, parent = 1, start = 19;
  if (fields.size() <= start) return std::nullopt;
  return Seen{static_cast<pid_t>(base::parse_unsigned(fields[parent]).value_or(0)),
              base::parse_unsigned(fields[start]).value_or(0), fields[state].front()};
}

using Processes = std::map<pid_t, Seen>;

bool is_dead(const Seen& process) { return process.state == 'Z' || process.state == 'X'; }

// The living ones.
Processes descendants_of(const std::vector<pid_t>& ancestors) {
  Processes all;
  for (const auto& name : list_directory(open_directory("/proc").get()))
    if (const auto pid = base::parse_unsigned(name))
      if (const auto seen = look_at(static_cast<pid_t>(*pid))) all.emplace(static_cast<pid_t>(*pid), *seen);
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
      if (const auto& seen = all.at(child->second); !is_dead(seen)) found.emplace(child->second, seen);
    }
  }
  return found;
}

// Not to a later process of that number: looked at again after the pidfd was taken.
void send(pid_t pid, const Seen& process, int number) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    if (errno == ESRCH || errno == EINVAL) return;
    base::throw_errno("opening a pidfd of", std::to_string(pid));
  }
  const auto now = look_at(pid);
  if (!now || now->start != process.start) return;
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) != 0 && errno != ESRCH)
    base::throw_errno("signalling process", std::to_string(pid));
}

// Stopped first, so that no new ones are made while these are killed one by one.
void stop_and_kill(const std::vector<pid_t>& ancestors) {
  constexpr int rounds = 20;
  Processes stopped;
  for (int round = 0; round < rounds; ++round) {
    bool more = false;
    for (const auto& [pid, seen] : descendants_of(ancestors)) {
      const auto known = stopped.find(pid);
      if (known != stopped.end() && known->second.start == seen.start) continue;
      send(pid, seen, SIGSTOP);
      stopped[pid] = seen;
      more = true;
    }
    if (!more) break;
  }
  base::fault_point("killing descendants");
  for (const auto& [pid, seen] : stopped) send(pid, seen, SIGKILL);
}

// Those that have not ended. Waits a moment for it.
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
  std::string names;
  for (const auto& [pid, seen] : descendants_of(ancestors))
    names += base::concat(names.empty() ? "" : ", ", pid, " (", base::command_of(pid), ")");
  throw base::Error(base::ErrorCode::timed_out,
                    base::concat("killing what its commands have started: these remain: ",
                                 names.empty() ? "none that can be named" : names),
                    "they may wait for a device or a network file system, or be frozen; try again when they go on");
}

}  // namespace

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
