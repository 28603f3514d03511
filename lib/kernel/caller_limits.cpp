#include "kernel/caller_limits.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/files.h"

namespace unionroot::kernel {

namespace {

using base::concat;
using base::UniqueFd;

constexpr std::array amounts = {"memory.max", "memory.high", "memory.swap.max", "pids.max"};

bool limits_an_amount(const std::string& name) {
  return std::find(amounts.begin(), amounts.end(), name) != amounts.end() || name.starts_with("hugetlb.");
}

// What no machine has: some kernels show that where hugetlb.SIZE.max limits nothing.
bool is_beyond_all(std::string_view value) {
  constexpr std::uint64_t beyond = std::uint64_t{1} << 62;
  const auto number = base::parse_unsigned(value);
  return number && *number >= beyond;
}

[[noreturn]] void refuse(const std::string& folder, const std::string& what) {
  throw base::Error(base::ErrorCode::access_denied, concat(base::printable(folder), " has ", what));
}

std::uint64_t amount(std::string_view text) {
  return base::parse_unsigned(text).value_or(std::numeric_limits<std::uint64_t>::max());
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// "QUOTA PERIOD" as the share of a processor.
double share(const std::string& text) {
  const auto words = base::split(text, ' ');
  if (words.size() != 2 || words[0] == "max") return std::numeric_limits<double>::max();
  return static_cast<double>(amount(words[0])) / static_cast<double>(std::max<std::uint64_t>(amount(words[1]), 1));
}

// Lines "MAJOR:MINOR KEY=VALUE ...", the tightest of each.
using DeviceLimits = std::map<std::string, std::map<std::string, std::uint64_t>>;

void add_device_limits(const std::string& text, DeviceLimits& limits) {
  for (const auto& line : base::split(text, '\n')) {
    const auto words = base::split(line, ' ');
    for (std::size_t i = 1; i < words.size(); ++i) {
      const auto equals = words[i].find('=');
      if (equals == std::string::npos) continue;
      auto& kept = limits[words[0]].try_emplace(words[i].substr(0, equals), amount("max")).first->second;
      kept = std::min(kept, amount(std::string_view(words[i]).substr(equals + 1)));
    }
  }
}

// One device a write.
std::string text_of(const DeviceLimits& limits) {
  std::string text;
  for (const auto& [device, values] : limits) {
    std::string line;
    for (const auto& [key, value] : values)
      if (value != amount("max")) line += concat(' ', key, '=', value);
    if (!line.empty()) text += concat(device, line, '\n');
  }
  return text;
}

// Of a file in which each value is "max" where nothing is limited: "VALUE", or lines "NAME VALUE" or "NAME KEY=VALUE
// ...". Any other word may be a limit.
bool limits_something(const std::string& text) {
  for (const auto& line : base::split(text, '\n')) {
    const auto words = base::split(line, ' ');
    for (std::size_t i = words.size() > 1 ? 1 : 0; i < words.size(); ++i) {
      const auto value = words[i].substr(words[i].find('=') + 1);  // the whole word if there is none
      if (!value.empty() && value != "max") return true;
    }
  }
  return false;
}

bool is_amount(const std::string& text) { return text == "max" || base::parse_unsigned(text); }

// Whether add_device_limits understands all of it.
bool are_device_limits(const std::string& text) {
  for (const auto& line : base::split(text, '\n')) {
    const auto words = base::split(line, ' ');
    for (std::size_t i = 1; i < words.size(); ++i)
      if (words[i].find('=') == std::string::npos || !is_amount(words[i].substr(words[i].find('=') + 1))) return false;
  }
  return true;
}

bool is_share(const std::string& text) {
  const auto words = base::split(text, ' ');
  return words.size() == 2 && is_amount(words[0]) && base::parse_unsigned(words[1]);
}

// A program that is attached to the group decides on devices, addresses or sockets.
bool has_programs(const std::string& folder) {
  // All that can be attached to a control group. The numbers are those of newer kernels, for AF_UNIX.
  constexpr std::array<std::uint32_t, 29> kinds = {BPF_CGROUP_INET_INGRESS,
                                                   BPF_CGROUP_INET_EGRESS,
                                                   BPF_CGROUP_INET_SOCK_CREATE,
                                                   BPF_CGROUP_SOCK_OPS,
                                                   BPF_CGROUP_DEVICE,
                                                   BPF_CGROUP_INET4_BIND,
                                                   BPF_CGROUP_INET6_BIND,
                                                   BPF_CGROUP_INET4_CONNECT,
                                                   BPF_CGROUP_INET6_CONNECT,
                                                   BPF_CGROUP_INET4_POST_BIND,
                                                   BPF_CGROUP_INET6_POST_BIND,
                                                   BPF_CGROUP_UDP4_SENDMSG,
                                                   BPF_CGROUP_UDP6_SENDMSG,
                                                   BPF_CGROUP_SYSCTL,
                                                   BPF_CGROUP_UDP4_RECVMSG,
                                                   BPF_CGROUP_UDP6_RECVMSG,
                                                   BPF_CGROUP_GETSOCKOPT,
                                                   BPF_CGROUP_SETSOCKOPT,
                                                   BPF_CGROUP_INET4_GETPEERNAME,
                                                   BPF_CGROUP_INET6_GETPEERNAME,
                                                   BPF_CGROUP_INET4_GETSOCKNAME,
                                                   BPF_CGROUP_INET6_GETSOCKNAME,
                                                   BPF_CGROUP_INET_SOCK_RELEASE,
                                                   BPF_LSM_CGROUP,
                                                   49,
                                                   50,
                                                   51,
                                                   52,
                                                   53};
  const UniqueFd group = open_directory(folder);
  for (const auto kind : kinds) {
    bpf_attr question{};
    question.query.target_fd = static_cast<std::uint32_t>(group.get());
    question.query.attach_type = kind;
    if (::syscall(SYS_bpf, BPF_PROG_QUERY, &question, sizeof question) == 0) {
      if (question.query.prog_cnt != 0) return true;
    } else if (errno == ENOSYS) {
      return false;
    } else if (errno != EINVAL) {  // a kernel that does not have that kind
      base::throw_errno("asking for the programs of the control group", base::printable(folder));
    }
  }
  return false;
}

}  // namespace

std::string lasting_part(const std::string& path) {
  std::string lasting;
  for (const auto& name : base::split(path, '/')) {
    if (!name.ends_with(".slice")) break;
    lasting += concat('/', name);
  }
  return lasting.empty() ? "/" : lasting;
}

CallerLimits limits_of(const std::vector<std::string>& folders) {
  CallerLimits limits;
  DeviceLimits devices;
  for (const auto& folder : folders) {
    for (const auto& name : list_directory(open_directory(folder).get())) {
      if (!name.ends_with(".max") && !name.ends_with(".high")) continue;
      const auto text = base::try_read_file(concat(folder, "/", name));
      if (!text) refuse(folder, concat("a limit that cannot be read: ", name));
      const auto value = first_line(*text);
      if (name == "cpu.max" ? value.starts_with("max ") : !limits_something(*text)) continue;
      if (limits_an_amount(name) && is_beyond_all(value)) continue;
      if (limits_an_amount(name) && base::parse_unsigned(value)) {
        auto& kept = limits.try_emplace(name, value).first->second;
        if (amount(value) < amount(kept)) kept = value;
      } else if (name == "cpu.max" && is_share(value)) {
        auto& kept = limits.try_emplace(name, value).first->second;
        if (share(value) < share(kept)) kept = value;
      } else if (name == "io.max" && are_device_limits(*text)) {
        add_device_limits(*text, devices);
      } else {
        refuse(folder, concat("a limit that cannot be set for another group: ", name));
      }
    }
    for (const char* const kind : {"cpuset.cpus", "cpuset.mems"}) {
      const auto wanted = base::try_read_file(concat(folder, "/", kind));
      if (!wanted || first_line(*wanted).empty()) continue;
      const auto effective = base::try_read_file(concat(folders.back(), "/", kind, ".effective"));
      if (!effective) refuse(folder, concat("a limit that cannot be read: ", kind));
      limits[kind] = first_line(*effective);
    }
  }
  if (auto text = text_of(devices); !text.empty()) limits["io.max"] = std::move(text);
  return limits;
}

void require_no_programs(const std::vector<std::string>& folders) {
  for (const auto& folder : folders)
    if (has_programs(folder))
      refuse(folder, "a program that limits it, as for DeviceAllow or IPAddressDeny of systemd.resource-control(5)");
}

UniqueFd limited_group(int group, const CallerLimits& limits) {
  std::set<std::string> controllers;
  for (const auto& [name, value] : limits) {
    const UniqueFd file(::openat(group, name.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file) base::throw_errno("setting the limit", name);
    for (const auto& line : base::split(value, '\n'))
      if (!line.empty()) base::write_all(file.get(), line, name);
    controllers.insert(name.substr(0, name.find('.')));
  }
  const UniqueFd given(::openat(group, "cgroup.subtree_control", O_WRONLY | O_CLOEXEC));
  if (!given) base::throw_errno("opening cgroup.subtree_control");
  for (const auto& controller : controllers) base::write_all(given.get(), "+" + controller, "cgroup.subtree_control");
  base::check(::mkdirat(group, limited_group_name, 0755), "making the control group", limited_group_name);
  UniqueFd made(::openat(group, limited_group_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made) base::throw_errno("opening the control group", limited_group_name);
  return made;
}

}  // namespace unionroot::kernel
