// A program of the host's or of a session's tree, run to its end.
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
  std::vector<std::string> arguments;    // after the path itself
  std::vector<std::string> environment;  // NAME=VALUE
  std::string session;                   // whose control group it is in
  std::string group = "hook";            // beneath that of the session; a run's is a random token
  bool leaves_processes = false;         // what it started goes on when it has ended well
  std::chrono::milliseconds limit{60'000};
  std::function<bool()> cancelled;  // asked ten times a second; may be empty
  // Each line, printable and without its end, as it comes; errors: of standard error. What is beyond 64 KiB of each is
  // dropped.
  std::function<void(bool errors, const std::string& line)> line;
};

// The mount namespace that it is run in.
struct ProgramPlace {
  std::function<void(const std::function<void()>& action)> visit;  // calls it with the thread in the namespace
  ino_t inode = 0;                                                 // what /proc/PID/ns/mnt shows
};

struct ProgramEnd {
  enum class How { ended, over_limit, cancelled } how = How::ended;
  kernel::ProcessEnd end;  // where it was not killed for one of these reasons
};

// Runs it there, with standard input from /dev/null and as kernel/spawn.h says. Once it has ended, or is over its
// limit, or cancelled, whatever it left running is killed: by control group, or where there is none by that namespace.
// Throws SystemError (it cannot be executed), Error(timed_out) if something cannot be killed.
ProgramEnd run_program(const Program& program, const ProgramPlace& place, kernel::Cgroups& cgroups);

}  // namespace unionroot::session
