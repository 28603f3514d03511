// Guesses what a command line meant, if `run` could not start the command.
#pragma once

#include <string>
#include <vector>

namespace unionroot::cli {

// The correct form, for a hint; empty if there is no guess. name: the argument of `run`; command: the words after it.
std::string in_place_of_command(const std::string& name, const std::vector<std::string>& command);

}  // namespace unionroot::cli
