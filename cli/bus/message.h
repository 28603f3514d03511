// D-Bus messages as bytes: what the command line sends, and what it receives. Pure: there is no socket in here.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace unionroot::cli::bus {

// ay and aay: bytes that may not be text. D-Bus strings are UTF-8; paths, arguments and variables need not be.
struct Bytes {
  std::string value;
};
struct ByteLists {
  std::vector<std::string> values;
};

// What options (a{sv}) may hold.
using Variant =
    std::variant<bool, std::uint16_t, std::int64_t, std::string, Bytes, ByteLists, std::map<std::string, std::string>>;
using Options = std::vector<std::pair<std::string, Variant>>;

// Whether the text is valid UTF-8 without NUL, as D-Bus strings must be. A broker disconnects a client that sends
// another string.
bool valid_text(std::string_view text);

// A message's body and signature, built argument by argument. Throws Error(invalid_argument) for a string that is not
// valid UTF-8; the message names the string.
class Body {
 public:
  Body& text(std::string_view value);                   // s
  Body& texts(const std::vector<std::string>& values);  // as
  Body& options(const Options& values);                 // a{sv}
  Body& descriptor(std::uint32_t index);                // h

  [[nodiscard]] const std::string& signature() const { return signature_; }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string signature_;
  std::string bytes_;
};

struct Call {
  std::string_view destination, path, interface, member;
  Body body;
  std::uint32_t descriptors = 0;  // how many descriptors are sent with it
  bool interactive = false;       // the user may be asked to authenticate
};

// Encodes the whole message. serial: not 0.
std::string encode(const Call& call, std::uint32_t serial);

// The length of a message in bytes; 0 until its first 16 bytes are there. Throws Error if the bytes are no message, or
// if it is longer than a message may be.
std::size_t message_length(std::string_view start);

enum class MessageType : std::uint8_t { call = 1, reply = 2, error = 3, signal = 4 };

struct Message {
  MessageType type = MessageType::signal;
  std::uint32_t reply_serial = 0;
  std::string sender;             // by the bus, which lets nobody lie
  std::string interface, member;  // of a signal
  std::string error_name;
  std::uint32_t descriptors = 0;
  nlohmann::json body;  // an array: the arguments in order. Dictionaries become objects, h an index
};

// Decodes a whole message. Throws Error(failed) if the bytes are not a valid message.
Message decode(std::string_view bytes);

}  // namespace unionroot::cli::bus
