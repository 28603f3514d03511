// The descriptors that come over the bus are others', and their close may block (closers.h).
//
// libsystemd closes what came with a message when it frees the message, on the bus thread: also of messages that nobody
// asked for, with descriptors that their signature does not name. It has no call that says whether a message has any.
// So this program has a recvmsg(2) and a close(2) of its own, in the place of the C library's. The first notes what
// comes over the bus's socket. The second, called for one of those by whomever, hands it to the closers.
#pragma once

#include <sdbus-c++/IConnection.h>

#include "daemon/peers.h"

struct sd_bus;
struct sd_bus_slot;

namespace unionroot::daemon {

// Says to the closers whose the descriptors are that come. Bus thread; one in a process. What it has noted outlives it.
class ReceivedDescriptors {
 public:
  // Both must outlive it.
  ReceivedDescriptors(sdbus::IConnection& connection, Peers& peers);
  ReceivedDescriptors(const ReceivedDescriptors&) = delete;
  ReceivedDescriptors& operator=(const ReceivedDescriptors&) = delete;
  ~ReceivedDescriptors();

  // Before other filters of the bus, which keep some messages to themselves. sd-bus asks first the filter that was
  // added last.
  void go_first();

 private:
  Peers& peers_;
  sd_bus* bus_ = nullptr;
  sd_bus_slot* filter_ = nullptr;
};

}  // namespace unionroot::daemon
