// Characters of UTF-8 text.
#pragma once

#include <cstddef>
#include <string_view>

namespace unionroot::base {

struct Utf8Character {
  std::size_t length = 0;  // in bytes
  char32_t character = 0;
};
// Returns the character at the start of `text`. Its length is 0 if the text is empty or does not begin with valid
// UTF-8.
Utf8Character first_character(std::string_view text);

// True for characters that must not reach a terminal or a log; printable() (text.h) escapes them. These are control
// characters, and characters that make text look like other text (Unicode direction marks, line separators, tags).
bool is_unprintable(char32_t character);

}  // namespace unionroot::base
