// Bytes between the caller's terminal and a run's pseudo-terminal.
#pragma once

#include "terminal/control_channel.h"

namespace unionroot::terminal {

// Until the command has ended and all it wrote is on standard output, or the supervisor is gone. May end this process
// by a signal that it received.
void relay_terminal(ControlChannel& control);

}  // namespace unionroot::terminal
