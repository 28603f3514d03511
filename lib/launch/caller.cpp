#include "launch/caller.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/process_identity.h"
#include "base/text.h"

namespace unionroot::launch {

namespace {

struct LimitName {
  std::string_view name;
  int resource;
};

// As fs/proc/base.c of the kernel names them, in /proc/PID/limits.
constexpr LimitName limit_names[] = {
    {"Max cpu time", RLIMIT_CPU},
    {"Max file size", RLIMIT_FSIZE},
    {"Max data size", RLIMIT_DATA},
    {"Max stack size", RLIMIT_STACK},
    {"Max core file size", RLIMIT_CORE},
    {"Max resident set", RLIMIT_RSS},
    {"Max processes", RLIMIT_NPROC},
    {"Max open files", RLIMIT_NOFILE},
    {"Max locked memory", RLIMIT_MEMLOCK},
    {"Max address space", RLIMIT_AS},
    {"Max file locks", RLIMIT_LOCKS},
    {"Max pending signals", RLIMIT_SIGPENDING},
    {"Max msgqueue size", RLIMIT_MSGQUEUE},
    {"Max nice priority", RLIMIT_NICE},
    {"Max realtime priority", RLIMIT_RTPRIO},
    {"Max realtime timeout", RLIMIT_RTTIME},
};

std::optional<rlim_t> limit_value(std::string_view text) {
  if (text == "unlimited") return RLIM_INFINITY;
  return base::parse_unsigned(text);
}

}  // namespace

std::vector<std::pair<int, rlimit>> parse_limits(std::string_view text) {
  constexpr std::size_t name_width = 25;  // "%-25s %-20s %-20s %-10s": proc(5)
  std::vector<std::pair<int, rlimit>> limits;
  for (const auto& line : base::split(text, '\n')) {
    const auto name = base::trim(std::string_view(line).substr(0, name_width));
    const auto* const known = std::find_if(std::begin(limit_names), std::end(limit_names),
                                           [&](const LimitName& each) { return each.name == name; });
    if (known == std::end(limit_names)) continue;  // the heading, or a limit newer than this program
    const auto values = base::split(std::string_view(line).substr(name_width), ' ');
    const auto soft = values.empty() ? std::nullopt : limit_value(values[0]);
    const auto hard = values.size() < 2 ? std::nullopt : limit_value(values[1]);
    if (soft && hard) limits.emplace_back(known->resource, rlimit{*soft, *hard});
  }
  return limits;
}

std::vector<std::pair<int, rlimit>> rlimits_of(pid_t pid) {
  // Not prlimit(2): for another user's process that needs CAP_SYS_RESOURCE, which containers often take away.
  const std::string path = base::concat("/proc/", pid, "/limits");
  auto limits = parse_limits(base::read_file(path, std::size_t{1} << 16));
  if (limits.empty())
    throw base::Error(base::ErrorCode::failed,
                      base::concat("reading the resource limits of process ", pid, ": ", path, " has none"),
                      "the process has probably ended: try again");
  return limits;
}

mode_t umask_of(pid_t pid) {
  const std::string path = base::concat("/proc/", pid, "/status");
  const std::string status = base::read_file(path, std::size_t{1} << 16);
  if (const auto digits = base::status_field(status, "Umask")) {
    unsigned mask = 0;
    const auto [rest, error] = std::from_chars(digits->data(), digits->data() + digits->size(), mask, 8);
    if (error == std::errc() && rest == digits->data() + digits->size() && mask <= 0777) return mask;
  }
  throw base::Error(base::ErrorCode::failed,
                    base::concat("reading the umask of process ", pid, ": ", path, " has no line for it"),
                    "the process has probably ended: try again");
}

}  // namespace unionroot::launch
