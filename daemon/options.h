// The a{sv} of a request: known keys only, each of its type.
#pragma once

#include <sdbus-c++/Types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unionroot::daemon {

using Dictionary = std::map<std::string, sdbus::Variant>;

// Every method throws Error(invalid_argument) naming the method, the key, and what is expected. An absent key is
// nullopt, or empty.
class Options {
 public:
  // method: "Begin"; known: all keys that it takes.
  Options(std::string_view method, const Dictionary& values, std::vector<std::string_view> known);

  [[nodiscard]] std::optional<bool> boolean(const char* key) const;
  // Any of D-Bus's integer types.
  [[nodiscard]] std::optional<std::int64_t> integer(const char* key, std::int64_t least, std::int64_t most) const;
  // A string, or bytes (ay) for what is not UTF-8; no NUL in it, at most `longest` bytes.
  [[nodiscard]] std::string text(const char* key, std::size_t longest) const;
  // as, or aay.
  [[nodiscard]] std::vector<std::string> texts(const char* key) const;
  [[nodiscard]] bool has(const char* key) const { return values_.count(key) != 0; }
  // a{ss}, at most 64 of them, each at most 4096 bytes.
  [[nodiscard]] std::map<std::string, std::string> pairs(const char* key) const;

 private:
  [[nodiscard]] const sdbus::Variant* find(const char* key) const;
  [[noreturn]] void wrong_type(const char* key, const sdbus::Variant& value, const char* expected) const;
  [[noreturn]] void wrong_value(const char* key, std::string_view why) const;
  [[nodiscard]] std::string bytes(const char* key, const std::vector<std::uint8_t>& value) const;

  std::string method_;
  const Dictionary& values_;
};

}  // namespace unionroot::daemon
