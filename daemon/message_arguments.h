// Reads the arguments of a method call from the message, one after another.
//
// A generated adaptor decodes the whole message before our code runs. Here reading stops at the first unknown option,
// and at a limit of bytes.
#pragma once

#include <sdbus-c++/Message.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct sd_bus_message;

namespace unionroot::daemon {

// The most bytes that all strings and byte arrays of one call may take. For comparison: an exec takes 2 MiB with the
// usual stack limit.
inline constexpr std::size_t most_bytes_of_a_call = std::size_t{4} << 20;
// Counted for each string besides its bytes: empty strings take memory too.
inline constexpr std::size_t bytes_of_a_string = 32;

class Arguments;

// The value of one option in the message. Read it once, by one of these methods. Each throws Error(invalid_argument)
// that names the method, the option and what is expected.
class OptionValue {
 public:
  OptionValue(Arguments& arguments, std::string_view key, std::string_view type)
      : arguments_(arguments), key_(key), type_(type) {}

  [[nodiscard]] bool boolean() const;
  // Any of D-Bus's integer types.
  [[nodiscard]] std::int64_t integer(std::int64_t least, std::int64_t most) const;
  // A string (s) or bytes (ay), without NUL, at most `longest` bytes.
  [[nodiscard]] std::string text(std::size_t longest) const;
  // Strings (as) or bytes (aay).
  [[nodiscard]] std::vector<std::string> texts() const;
  // a{ss}, at most 64 pairs of at most 4096 bytes each.
  [[nodiscard]] std::map<std::string, std::string> pairs() const;

 private:
  [[noreturn]] void wrong_type(const char* expected) const;
  [[noreturn]] void wrong_value(std::string_view why) const;
  [[nodiscard]] std::string bytes() const;

  Arguments& arguments_;
  std::string_view key_, type_;
};

// Bus thread only; the message must outlive it. Every method throws Error(invalid_argument).
class Arguments {
 public:
  // method: "Begin", for messages. sd-bus has checked the signature.
  Arguments(std::string_view method, const sdbus::Message& message);

  std::string text(std::size_t longest);  // s
  std::vector<std::string> texts();       // as
  // h. The message owns the descriptor: close-on-exec, open as long as the message is kept. It is not duplicated, since
  // closing a duplicate may block.
  int descriptor();
  // True if the caller may be asked to authenticate: the message's flag ALLOW_INTERACTIVE_AUTHORIZATION.
  [[nodiscard]] bool interactive() const;
  // Bytes of the strings and byte arrays that were read.
  [[nodiscard]] std::size_t bytes() const { return most_bytes_of_a_call - left_; }

  using Read = std::function<void(const OptionValue&)>;
  // a{sv}: calls `read` for each key, in the order of the message. Refuses unknown and repeated keys.
  void options(const std::vector<std::pair<std::string_view, Read>>& known);

 private:
  friend class OptionValue;
  [[nodiscard]] bool enter(char type, const char* contents);  // false: the enclosing array has no more elements
  void leave();
  [[nodiscard]] bool at_end() const;
  void basic(char type, void* value);
  [[nodiscard]] std::string string();
  [[nodiscard]] std::string_view byte_array();
  void count(std::size_t bytes);
  int check(int result) const;

  std::string method_;
  sd_bus_message* message_;
  std::size_t left_ = most_bytes_of_a_call;
};

}  // namespace unionroot::daemon
