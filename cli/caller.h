// What a command takes over from the process that asks for it, as options of Run.
#pragma once

#include <string>
#include <vector>

#include "cli/bus/message.h"

namespace unionroot::cli {

std::vector<std::string> own_environment();

// Empty if it cannot be known (it was removed, or is out of reach).
std::string working_directory();

// Whether this process is in a user namespace in which users have other numbers than on the machine.
bool in_user_namespace();

// Somebody can be asked at the terminal of this process, whatever its standard streams are.
bool has_controlling_terminal();

// TERM, and whether the command gets a terminal of its own.
void add_terminal(bus::Options& options, bool on_terminal);

}  // namespace unionroot::cli
