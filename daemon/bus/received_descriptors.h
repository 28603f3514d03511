// Descriptors that come over the bus belong to others, and their close may block (closers.h).
//
// libsystemd closes the descriptors of a message when it frees the message, on the bus thread. It does so also for
// unexpected messages, and for descriptors that the signature does not name. It has no call that says whether a message
// has descriptors. So this program replaces recvmsg(2) and close(2) of the C library. recvmsg notes the descriptors
// that come over the bus socket. close gives them to the closers, whoever calls it.
#pragma once

#include <sdbus-c++/IConnection.h>

#include "daemon/peers.h"

struct sd_bus;
struct sd_bus_slot;

namespace unionroot::daemon {

// Tells the closers the owner of each received descriptor. Bus thread only; one per process. The notes outlive the
// object.
class ReceivedDescriptors {
 public:
  // Both must outlive it.
  ReceivedDescriptors(sdbus::IConnection& connection, Peers& peers);
  ReceivedDescriptors(const ReceivedDescriptors&) = delete;
  ReceivedDescriptors& operator=(const ReceivedDescriptors&) = delete;
  ~ReceivedDescriptors();

  // Moves our filter before all others, which may consume messages. sd-bus calls the filter that was added last first.
  void go_first();

 private:
  Peers& peers_;
  sd_bus* bus_ = nullptr;
  sd_bus_slot* filter_ = nullptr;
};

}  // namespace unionroot::daemon
