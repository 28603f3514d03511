// The supervisor's side of the control socket.
#pragma once

#include <stdint.h>

#include "launch/control.h"

namespace unionroot::helper {

// Sends one message, with a descriptor if it is not -1. Never blocks and never raises SIGPIPE: a client that does not
// read, or is gone, misses the message. A supervisor sends a handful, which fit in any socket's buffer.
void send_message(int control, launch::control::Type type, uint32_t value, const char* text = "", int descriptor = -1);

// Tells the daemon how the run ended, and then the client: so the daemon knows it by the time that the client does.
void report_end(launch::control::Type type, uint32_t value, const char* text = "");

enum class Received { message, nothing, hang_up };

// Waits for the daemon's word that the run is recorded. False if the daemon gave the run up, or died. Nothing else can
// come first, since no client has the socket yet. It stays in the socket, for take_go: who waits here is the command's
// process, and may be killed as it comes.
bool wait_for_go(int control);

// By the supervisor, once: takes that word from the socket, waiting for it where it is not there yet.
void take_go(int control);

// Takes one message without blocking. Descriptors that come with it are closed by the kernel; packets too short for a
// message are `nothing`.
Received receive_message(int control, launch::control::Message& message);

}  // namespace unionroot::helper
