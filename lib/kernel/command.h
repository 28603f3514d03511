// Programs that the daemon runs for itself: mkfs.*, lvcreate, zfs. No shell, and no word of a path or an environment
// that somebody else controls.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "kernel/process_end.h"

namespace unionroot::kernel {

struct Command {
  std::vector<std::string> words;  // the first is a program's name, looked up in a fixed path
  std::chrono::milliseconds limit{60'000};
  std::function<bool()> cancelled;                  // asked ten times a second; may be empty
  std::string package;                              // of Debian, that has the program; for the hint
  std::size_t most_output = std::size_t{64} << 10;  // bytes
};

struct CommandResult {
  ProcessEnd end;
  std::string output;  // standard output, at most Command::most_output
  std::string errors;  // standard error, at most 4 KiB, printable, on one line
};

// "/usr/sbin/mkfs.ext4"; empty if it is in none of /usr/sbin, /usr/bin, /sbin, /bin.
std::string find_program(const std::string& name);

// Runs it to its end, with standard input from /dev/null and PATH and LC_ALL as its only environment. Its process group
// is killed when the limit is over (Error(timed_out)) or `cancelled` says so (Error(cancelled)). What it leaves running
// in the background, as LVM does, goes on. Throws Error(not_supported) if there is no such program.
CommandResult run_command(const Command& command);

// The same; Error(failed) with how it ended and what it wrote to standard error, if that was not with status 0.
std::string run_or_throw(const Command& command);

// Words separated by blanks, as a definition gives them for a command. No quoting, since no shell takes part.
std::vector<std::string> split_words(const std::string& text);

}  // namespace unionroot::kernel
