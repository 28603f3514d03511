// Programs that the daemon runs for itself: mkfs.*, lvcreate, zfs. Without a shell, with a fixed search path and a
// fixed environment.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "kernel/process_end.h"

namespace unionroot::kernel {

struct Command {
  std::vector<std::string> words;  // the first is the program's name, searched in a fixed path
  std::chrono::milliseconds limit{60'000};
  std::function<bool()> cancelled;                  // called at least ten times a second; may be empty
  std::string package;                              // Debian package of the program, for the hint
  std::size_t most_output = std::size_t{64} << 10;  // bytes
};

struct CommandResult {
  ProcessEnd end;
  std::string output;  // standard output, at most Command::most_output
  std::string errors;  // standard error, at most 4 KiB, printable, on one line
};

// Returns "/usr/sbin/mkfs.ext4"; empty if the program is in none of /usr/sbin, /usr/bin, /sbin, /bin.
std::string find_program(const std::string& name);

// Runs the command until it ends. Standard input is /dev/null; the environment contains only PATH and LC_ALL. The
// process group is killed after `limit` (Error(timed_out)), or when `cancelled` returns true (Error(cancelled)).
// Processes that the command leaves in the background, as LVM does, go on. Throws Error(not_supported) if the program
// is not installed.
CommandResult run_command(const Command& command);

// The same; returns the standard output. If the exit status is not 0, throws Error(failed) with how the command ended
// and its standard error.
std::string run_or_throw(const Command& command);

// Splits a command of a definition at blanks. There is no quoting, because no shell is used.
std::vector<std::string> split_words(const std::string& text);

}  // namespace unionroot::kernel
