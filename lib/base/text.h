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

// Concatenates the parts: concat("pid ", 12, ": ", name).
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  (detail::append(out, parts), ...);
  return out;
}

// Splits at `separator`. Empty parts are dropped unless keep_empty is set.
std::vector<std::string> split(std::string_view text, char separator, bool keep_empty = false);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);  // without blanks, tabs and carriage returns at both ends

// Parses the whole text as a decimal number without a sign.
std::optional<std::uint64_t> parse_unsigned(std::string_view text);

// Length in bytes of the character at the start of `text`; 0 if the text is empty or does not begin with valid UTF-8.
std::size_t utf8_length(std::string_view text);
bool valid_utf8(std::string_view text);

// For messages: unprintable characters and invalid UTF-8 become \xNN. The result is cut at about `longest` bytes. Text
// from users is never printed raw to a terminal or to the journal.
std::string printable(std::string_view text, std::size_t longest = 200);

// JSON and the bus carry only UTF-8. Each byte that is not UTF-8, and NUL, becomes \xNN.
std::string as_utf8(std::string_view message);
// The same for names, but reversible: if a name itself contains \xNN, the backslash becomes \x5c.
std::string name_as_utf8(std::string_view name);
std::string name_from_utf8(std::string_view text);

}  // namespace unionroot::base
