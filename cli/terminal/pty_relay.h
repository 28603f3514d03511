// Bytes between the caller's terminal and a run's pseudo-terminal.
#pragma once

#include "terminal/control_channel.h"

namespace unionroot::terminal {

// Relays until the command has ended and all its output is on standard output, or until the supervisor is gone. A
// signal may end this process.
void relay_terminal(ControlChannel& control);

}  // namespace unionroot::terminal
