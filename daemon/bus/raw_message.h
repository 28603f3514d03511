// sd-bus's own message beneath one of sdbus-c++ 1.2, which lacks some of its calls.
#pragma once

#include <sdbus-c++/Message.h>

struct sd_bus_message;

namespace unionroot::daemon {

// Borrowed. The class lends its own right to see the message of its base.
inline sd_bus_message* raw_message(const sdbus::Message& message) {
  struct Access final : sdbus::PlainMessage {
    static sd_bus_message* of(const sdbus::Message& of) { return static_cast<sd_bus_message*>(of.*(&Access::msg_)); }
  };
  return Access::of(message);
}

}  // namespace unionroot::daemon
