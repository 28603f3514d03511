// Finds the verb on the command line, and runs it.
#pragma once

#include <string>
#include <vector>

#include "cli/verb.h"

namespace unionroot::cli {

// The options before the verb, the verb, and its arguments.
struct CommandLine {
  std::string config;
  bool help = false;  // --help, or the verb "help"
  bool version = false;
  std::string verb;  // empty: none was given
  std::vector<std::string> arguments;
};

// Throws UsageError for an unknown option.
CommandLine parse_command_line(const std::vector<std::string>& words);

// The whole of --help.
std::string general_help();

// Runs the verb. Prints every error, and returns the exit status.
int dispatch(const std::vector<std::string>& words);

}  // namespace unionroot::cli
