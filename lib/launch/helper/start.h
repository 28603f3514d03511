// Between the birth of the command's process and its exec. The process becomes the user in that time, and the user may
// stop it, or let a file system of his own hold it. So the supervisor never waits for it alone.
#pragma once

#include "launch/helper/child.h"

namespace unionroot::helper {

// A pair of sockets, close-on-exec. Each of the two processes closes the other's end at once. So each sees the end of
// file when the other has ended, and the supervisor also when the command was executed.
struct StartChannel {
  int supervisor = -1;
  int command = -1;
};

// False with errno.
bool open_start_channel(StartChannel& channel);

// In the command's process: waits for the word that the run is recorded. False with errno if it does not come.
bool wait_for_word(const StartChannel& channel);

// In the supervisor: passes the daemon's word on to the command's process. Returns once the command was executed, or
// its process has ended or is about to end. If the client goes away meanwhile, the process is killed. The daemon's word
// is taken from the control socket in any case.
void wait_for_start(const StartChannel& channel, const Child& child);

}  // namespace unionroot::helper
