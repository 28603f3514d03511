// Runs a program of the host or of a session's tree until it ends.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/cgroups.h"
#include "kernel/process_end.h"

namespace unionroot::session {

struct Program {
  std::string path;
  std::vector<std::string> arguments;    // without the path
  std::vector<std::string> environment;  // NAME=VALUE
  std::string session;                   // the program runs in this session's control group
  std::string group = "hook";            // the subgroup in it; a run has a random token as its group
  bool leaves_processes = false;         // processes that it started stay if it ended by itself
  std::chrono::milliseconds limit{60'000};
  std::function<bool()> cancelled;  // called at least every 20 ms; may be empty
  // Called for each line as it comes, printable and without newline. errors: from standard error. Each stream is
  // dropped beyond 64 KiB.
  std::function<void(bool errors, const std::string& line)> line;
};

// The mount namespace to run in.
struct ProgramPlace {
  std::function<void(const std::function<void()>& action)> visit;  // calls `action` on a thread in the namespace
  ino_t inode = 0;                                                 // the inode of /proc/PID/ns/mnt
};

struct ProgramEnd {
  enum class How { ended, over_limit, cancelled } how = How::ended;
  kernel::ProcessEnd end;  // only for `ended`
};

// Runs the program in that namespace, with standard input from /dev/null and as kernel/spawn.h says. Kills all its
// processes when it has ended, is over its limit, or is cancelled: by control group, or by mount namespace if there is
// no control group. leaves_processes: keeps them if it ended by itself. Throws SystemError if it cannot be executed,
// Error(timed_out) if a process cannot be killed.
ProgramEnd run_program(const Program& program, const ProgramPlace& place, kernel::Cgroups& cgroups);

}  // namespace unionroot::session
