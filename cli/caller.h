// What a command takes from the calling process, as options of Run.
#pragma once

#include <string>
#include <vector>

#include "cli/bus/message.h"

namespace unionroot::cli {

std::vector<std::string> own_environment();

// Empty if it is not known (removed, or not reachable).
std::string working_directory();

// True in a user namespace that maps uids to other numbers.
bool in_user_namespace();

// True if this process has a controlling terminal, whatever its standard streams are.
bool has_controlling_terminal();

// Adds TERM and, with `on_terminal`, the request for a terminal of the command's own and its size.
void add_terminal(bus::Options& options, bool on_terminal);

}  // namespace unionroot::cli
