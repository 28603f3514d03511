// Small string helpers.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace unionroot::base {

namespace detail {
inline void append(std::string& out, std::string_view text) { out.append(text); }
inline void append(std::string& out, char c) { out.push_back(c); }
template <typename Integer>
requires(std::is_integral_v<Integer> && !std::is_same_v<Integer, char>) void append(std::string& out, Integer number) {
  out.append(std::to_string(number));
}
}  // namespace detail

// The parts one after another: concat("pid ", 12, ": ", name).
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  (detail::append(out, parts), ...);
  return out;
}

// Splits on `separator`; empty parts are dropped unless keep_empty.
std::vector<std::string> split(std::string_view text, char separator, bool keep_empty = false);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);  // blanks and tabs, both ends

// Whole-string decimal number, no sign.
std::optional<std::uint64_t> parse_unsigned(std::string_view text);

// How many bytes the character at the start of `text` has; 0 if it is empty or no valid UTF-8.
std::size_t utf8_length(std::string_view text);
bool valid_utf8(std::string_view text);

// For messages: control characters and invalid UTF-8 as \xNN, cut at `longest` characters. What users send is never
// printed raw on a terminal or into the journal.
std::string printable(std::string_view text, std::size_t longest = 200);

// JSON and the bus carry UTF-8 alone: each byte that is not UTF-8, and NUL, becomes \xNN.
std::string as_utf8(std::string_view message);
// The same for names, and reversible: where a name itself reads \xNN, its backslash becomes \x5c.
std::string name_as_utf8(std::string_view name);
std::string name_from_utf8(std::string_view text);

}  // namespace unionroot::base
