// Identifies a process, so that a reused pid is not taken for the earlier process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unionroot::base {

struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  // clock ticks since boot: field 22 of /proc/PID/stat, proc(5)
  std::string boot_id;           // /proc/sys/kernel/random/boot_id

  bool operator==(const ProcessIdentity&) const = default;
};

// This boot's id; read once.
const std::string& boot_id();

// From /proc/PID/stat, proc(5).
struct ProcessStat {
  char state = '?';
  pid_t parent = 0;
  std::uint64_t start_time = 0;  // as in ProcessIdentity

  [[nodiscard]] bool is_dead() const { return state == 'Z' || state == 'X'; }
};
// nullopt if there is no such process.
std::optional<ProcessStat> process_stat(pid_t pid);

// Start time of a process; nullopt if there is none, or if it is a zombie.
std::optional<std::uint64_t> process_start_time(pid_t pid);

// Throws Error if /proc cannot be read.
ProcessIdentity this_process();

// nullopt if there is no such process.
std::optional<ProcessIdentity> identify(pid_t pid);

// True if the same process still runs, in this boot.
bool is_alive(const ProcessIdentity& identity);

// The value of a field in the text of /proc/PID/status (proc(5)), without surrounding blanks; nullopt if the field is
// missing. A field on the first line is not found.
std::optional<std::string_view> status_field(std::string_view status, std::string_view name);

// The command line for messages, cut at about 200 bytes; empty if the process is gone.
std::string command_of(pid_t pid);
// "PID (command), ..." for all of them.
std::string names_of(const std::vector<pid_t>& pids);

}  // namespace unionroot::base
