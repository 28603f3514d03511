// The time between the fork of the command's process and its exec. The process becomes the user in that time. The user
// may then stop it, or block it by a file system in user space. So the supervisor never waits for it alone.
#pragma once

#include "launch/helper/child.h"

namespace unionroot::helper {

// A pair of sockets, close-on-exec. Each process closes the other's end at once. So each sees an end of file when the
// other has ended. The supervisor also sees it when the command is executed.
struct StartChannel {
  int supervisor = -1;
  int command = -1;
};

// False with errno.
bool open_start_channel(StartChannel& channel);

// Called in the command's process. Waits for the message that the run is recorded. False with errno if it does not
// come.
bool wait_for_word(const StartChannel& channel);

// Called in the supervisor. Passes the daemon's message on to the command's process. Returns once the command was
// executed, or its process has ended or is about to. Kills the process if the client goes away meanwhile. Always reads
// the daemon's message from the control socket.
void wait_for_start(const StartChannel& channel, const Child& child);

}  // namespace unionroot::helper
