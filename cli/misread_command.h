// What a command line was perhaps meant to be, when `run` could not start what it was taken for.
#pragma once

#include <string>
#include <vector>

namespace unionroot::cli {

// The way to say it, for a hint; empty if nothing is known. name: what `run` was given; command: what follows it.
std::string in_place_of_command(const std::string& name, const std::vector<std::string>& command);

}  // namespace unionroot::cli
