// The supervisor's side of the control socket.
#pragma once

#include <stdint.h>

#include "launch/control.h"

namespace unionroot::helper {

// Sends one message, with a descriptor unless it is -1. Never blocks or raises SIGPIPE: a client that does not read, or
// is gone, misses the message. The few messages of a supervisor fit in any socket's buffer.
void send_message(int control, launch::control::Type type, uint32_t value, const char* text = "", int descriptor = -1);

// Reports the end of the run to the daemon, then to the client. So the daemon knows it before the client does. marks:
// see wire::run_end.
void report_end(launch::control::Type type, uint32_t value, const char* text = "", uint64_t marks = 0);

enum class Received { message, nothing, hang_up };

// Waits for the daemon's message that the run is recorded, and reads it. Call this once. False if the daemon gave up
// the run, or died. No other message can come first, since no client has the socket yet.
bool take_go(int control);

// Reads one message without blocking. A packet too short for a message gives `nothing`. A packet with descriptors gives
// `hang_up` and stays in the socket: this process would have to close received descriptors, which may take as long as
// their sender wants (socket(7), SO_LINGER).
Received receive_message(int control, launch::control::Message& message);

}  // namespace unionroot::helper
