// What main needs before there is anything to wire: its options, the lock on the state, the bus.
#pragma once

#include <sdbus-c++/IConnection.h>

#include <memory>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "definition/settings.h"

namespace unionroot::daemon {

struct CommandLine {
  std::string config;                    // empty: the default file
  std::optional<std::string> log_level;  // else the settings'
  bool help = false, version = false;
};

extern const char* const help_text;

// Throws Error(invalid_argument).
CommandLine parse_command_line(int argc, char** argv);

// Throws Error(invalid_argument) for an unknown word.
void set_log_level(const std::string& level);

// Standard descriptors that are closed are /dev/null from now on: else the log would be written into whatever is opened
// next, the bus or the database.
void open_standard_descriptors();

// Takes the numbers that programs get their descriptors under (kernel/spawn.h) and never gives them back: dup2(2) over
// one of a caller's would close it, which may block, while a worker waits.
void reserve_low_descriptors();

// Holds <state>/daemon.lock until it is closed, however the process ends. Throws Error(failed) naming the other
// daemon if one has it.
base::UniqueFd lock_state(const std::string& state_directory);

// As settings.bus says. Throws Error saying which bus could not be reached.
std::unique_ptr<sdbus::IConnection> connect_bus(const definition::Settings& settings);

// Whether systemd is taking the machine down, so that what definitions say of on-shutdown applies; false for a daemon
// that is merely stopped, and where there is no systemd to ask. No event loop may be running on the connection.
bool machine_shuts_down(const definition::Settings& settings, sdbus::IConnection& connection);

}  // namespace unionroot::daemon
