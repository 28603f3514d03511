// What a command takes over from the process that asks for it, as options of Run.
#pragma once

#include <string>
#include <vector>

#include "cli/bus/message.h"

namespace unionroot::cli {

std::vector<std::string> own_environment();

// Empty if it cannot be known (it was removed, or is out of reach).
std::string working_directory();

// TERM, and whether the command gets a terminal of its own.
void add_terminal(bus::Options& options, bool on_terminal);

}  // namespace unionroot::cli
