// The supervisor's side of the control socket.
#pragma once

#include <stdint.h>

#include "launch/control.h"

namespace unionroot::helper {

// Sends one message, with a descriptor if it is not -1. Never blocks and never raises SIGPIPE: a client that does not
// read, or is gone, misses the message. A supervisor sends a handful, which fit in any socket's buffer.
void send_message(int control, launch::control::Type type, uint32_t value, const char* text = "", int descriptor = -1);

// Tells the daemon how the run ended, and then the client: so the daemon knows it by the time that the client does.
// marks: of wire::run_end.
void report_end(launch::control::Type type, uint32_t value, const char* text = "", uint64_t marks = 0);

enum class Received { message, nothing, hang_up };

// Takes the daemon's word that the run is recorded from the socket, once. It waits for it. False if the daemon gave the
// run up, or died. Nothing else can come first, since no client has the socket yet.
bool take_go(int control);

// Takes one message without blocking. Packets too short for a message are `nothing`. A packet with descriptors is a
// `hang_up`, and is left in the socket: to receive it would close them here, which may wait for as long as their sender
// likes (socket(7), SO_LINGER).
Received receive_message(int control, launch::control::Message& message);

}  // namespace unionroot::helper
