// The sd-bus message inside a message of sdbus-c++ 1.2, which lacks some calls of sd-bus.
#pragma once

#include <sdbus-c++/Message.h>

struct sd_bus_message;

namespace unionroot::daemon {

// Borrowed. A derived class may read the protected member.
inline sd_bus_message* raw_message(const sdbus::Message& message) {
  struct Access final : sdbus::PlainMessage {
    static sd_bus_message* of(const sdbus::Message& of) { return static_cast<sd_bus_message*>(of.*(&Access::msg_)); }
  };
  return Access::of(message);
}

}  // namespace unionroot::daemon
