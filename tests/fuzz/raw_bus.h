// A message whose body is any bytes, as sd-bus takes it from a socket. A broker would not pass some of them on.
#pragma once

#include <sdbus-c++/Message.h>

#include <string_view>

struct sd_bus_message;

namespace unionroot::fuzz {

class RawMessage {
 public:
  // descriptors: how many of /dev/null go along.
  RawMessage(std::string_view signature, std::string_view body, unsigned descriptors);
  ~RawMessage();
  RawMessage(const RawMessage&) = delete;
  RawMessage& operator=(const RawMessage&) = delete;

  [[nodiscard]] const sdbus::Message& get() const { return lent_; }

 private:
  // sdbus-c++ makes none of a message of sd-bus.
  struct Lent final : sdbus::PlainMessage {
    void lend(sd_bus_message* message) { msg_ = message; }
  };

  sd_bus_message* message_ = nullptr;
  Lent lent_;
};

}  // namespace unionroot::fuzz
