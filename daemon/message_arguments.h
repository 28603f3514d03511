// The arguments of a method call, read one after the other from the message itself.
//
// A generated adaptor decodes all of a message before our code runs. Here nothing is decoded that nobody asked for:
// reading stops at the first option that is not known, and at a limit of bytes.
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

// What the strings and bytes of one call may take in all. An exec takes 2 MiB with the usual limit of the stack.
inline constexpr std::size_t most_bytes_of_a_call = std::size_t{4} << 20;
// What each string counts beside its bytes: a list of empty ones takes memory too.
inline constexpr std::size_t bytes_of_a_string = 32;

class Arguments;

// The value of one option, in the message. It is read once, by one of these methods. Each throws
// Error(invalid_argument) naming the method, the option, and what is expected.
class OptionValue {
 public:
  OptionValue(Arguments& arguments, std::string_view key, std::string_view type)
      : arguments_(arguments), key_(key), type_(type) {}

  [[nodiscard]] bool boolean() const;
  // Any of D-Bus's integer types.
  [[nodiscard]] std::int64_t integer(std::int64_t least, std::int64_t most) const;
  // A string (s) or bytes (ay); no NUL in it, at most `longest` bytes.
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
  // method: "Begin", for messages. The bus has compared the signature by now.
  Arguments(std::string_view method, const sdbus::Message& message);

  std::string text(std::size_t longest);  // s
  std::vector<std::string> texts();       // as
  // h: the message's own, close-on-exec, open as long as the message is kept. A duplicate would have to be closed too,
  // which may block.
  int descriptor();
  // The call lets somebody be asked to authenticate (the flag ALLOW_INTERACTIVE_AUTHORIZATION of the message).
  [[nodiscard]] bool interactive() const;
  // What the strings and bytes that were read take.
  [[nodiscard]] std::size_t bytes() const { return most_bytes_of_a_call - left_; }

  using Read = std::function<void(const OptionValue&)>;
  // a{sv}: calls `read` of each key that is there, in the order of the message. A key that is not known, or comes
  // twice, is refused.
  void options(const std::vector<std::pair<std::string_view, Read>>& known);

 private:
  friend class OptionValue;
  [[nodiscard]] bool enter(char type, const char* contents);  // false: the array around it has no more
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
