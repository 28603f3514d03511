// sd-bus's own message inside one of sdbus-c++, for what sdbus-c++ 1.2 has no call for.
#pragma once

#include <sdbus-c++/Message.h>

struct sd_bus_message;

namespace unionroot::daemon {

namespace detail {
// The class lends its own right to see the message of its base.
struct MessageAccess final : sdbus::PlainMessage {
  static sd_bus_message* of(const sdbus::Message& message) {
    return static_cast<sd_bus_message*>(message.*(&MessageAccess::msg_));
  }
};
}  // namespace detail

// As long as `message` lives.
inline sd_bus_message* raw_message(const sdbus::Message& message) { return detail::MessageAccess::of(message); }

}  // namespace unionroot::daemon
