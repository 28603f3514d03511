// What main() needs first: the options, the lock on the state, the bus.
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

// Opens closed standard descriptors as /dev/null. Else the log could be written into the next file that is opened: the
// bus or the database.
void open_standard_descriptors();

// Occupies for ever the descriptor numbers that started programs use (kernel/spawn.h). A dup2(2) onto a caller's
// descriptor would close that one, which may block a worker.
void reserve_low_descriptors();

// Locks <state>/daemon.lock until the descriptor is closed, however the process ends. Throws Error(failed) that names
// the other daemon if one holds it.
base::UniqueFd lock_state(const std::string& state_directory);

// Connects to settings.bus. Throws Error that names the bus.
std::unique_ptr<sdbus::IConnection> connect_bus(const definition::Settings& settings);

// True if systemd is shutting down the machine, so that on-shutdown of the definitions applies. False if only the
// daemon is stopped, and without systemd. No event loop may be running on the connection.
bool machine_shuts_down(const definition::Settings& settings, sdbus::IConnection& connection);

}  // namespace unionroot::daemon
