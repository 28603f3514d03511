#include "base/process_identity.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace unionroot::base {

const std::string& boot_id() {
  static const std::string id = [] {
#ifdef UNIONROOT_FAULT_POINTS
    // Lets a test simulate a reboot. Never in a release.
    if (const char* pretended = std::getenv("UNIONROOT_BOOT_ID")) return std::string(pretended);
#endif
    return std::string(trim(split(read_file("/proc/sys/kernel/random/boot_id"), '\n').at(0)));
  }();
  return id;
}

std::optional<ProcessStat> process_stat(pid_t pid) {
  const auto stat = try_read_file(concat("/proc/", pid, "/stat"));
  if (!stat) return std::nullopt;
  // Field 2, the name, is in parentheses and may contain blanks and parentheses itself. The other fields follow the
  // last ')'.
  const auto end = stat->rfind(')');
  if (end == std::string::npos) return std::nullopt;
  const auto fields = split(std::string_view(*stat).substr(end + 1), ' ');
  constexpr std::size_t state = 0, parent = 1, start_time = 19;  // fields 3, 4 and 22
  if (fields.size() <= start_time) return std::nullopt;
  const auto start = parse_unsigned(fields[start_time]);
  if (!start) return std::nullopt;
  return ProcessStat{fields[state].front(), static_cast<pid_t>(parse_unsigned(fields[parent]).value_or(0)), *start};
}

std::optional<std::uint64_t> process_start_time(pid_t pid) {
  const auto stat = process_stat(pid);
  if (!stat || stat->is_dead()) return std::nullopt;
  return stat->start_time;
}

ProcessIdentity this_process() {
  auto identity = identify(::getpid());
  if (!identity) throw Error(ErrorCode::failed, "reading this process's own /proc entry", "mount /proc");
  return *identity;
}

std::optional<ProcessIdentity> identify(pid_t pid) {
  const auto start = process_start_time(pid);
  if (!start) return std::nullopt;
  return ProcessIdentity{pid, *start, boot_id()};
}

bool is_alive(const ProcessIdentity& identity) {
  return identity.boot_id == boot_id() && process_start_time(identity.pid) == identity.start_time;
}

std::optional<std::string_view> status_field(std::string_view status, std::string_view name) {
  const auto key = concat("\n", name, ":");
  const auto found = status.find(key);
  if (found == std::string_view::npos) return std::nullopt;
  const auto value = status.substr(found + key.size());
  return trim(value.substr(0, value.find('\n')));
}

std::string command_of(pid_t pid) {
  auto text = try_read_file(concat("/proc/", pid, "/cmdline"));
  if (!text) return {};
  while (!text->empty() && text->back() == '\0') text->pop_back();
  std::replace(text->begin(), text->end(), '\0', ' ');
  return printable(*text);
}

std::string names_of(const std::vector<pid_t>& pids) {
  std::string names;
  for (const pid_t pid : pids) names += concat(names.empty() ? "" : ", ", pid, " (", command_of(pid), ")");
  return names;
}

}  // namespace unionroot::base
