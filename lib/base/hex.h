// Hexadecimal digits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace unionroot::base {

inline constexpr char hex_digits[] = "0123456789abcdef";

// Appends two lower-case digits.
inline void append_hex(std::string& out, std::uint8_t byte) {
  out.push_back(hex_digits[byte >> 4]);
  out.push_back(hex_digits[byte & 15]);
}

inline std::string to_hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) append_hex(out, static_cast<std::uint8_t>(c));
  return out;
}

// Lower-case digits without leading zeros.
inline std::string to_hex(std::uint64_t number) {
  std::string out;
  do {
    out.insert(out.begin(), hex_digits[number & 15]);
    number >>= 4;
  } while (number != 0);
  return out;
}

enum class HexCase { lower, any };

// The byte that the first two characters of `text` stand for; nullopt if they are not hexadecimal digits.
inline std::optional<std::uint8_t> byte_of_hex(std::string_view text, HexCase accepted = HexCase::lower) {
  unsigned value = 0;
  if (text.size() < 2) return std::nullopt;
  for (const char c : text.substr(0, 2)) {
    value *= 16;
    if (c >= '0' && c <= '9')
      value += static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
      value += static_cast<unsigned>(c - 'a') + 10;
    else if (accepted == HexCase::any && c >= 'A' && c <= 'F')
      value += static_cast<unsigned>(c - 'A') + 10;
    else
      return std::nullopt;
  }
  return static_cast<std::uint8_t>(value);
}

}  // namespace unionroot::base
