// The characters of a text in UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace unionroot::base {

struct Utf8Character {
  std::size_t length = 0;  // in bytes
  char32_t character = 0;
};
// The one at the start of `text`; its length is 0 if the text is empty or does not begin with valid UTF-8.
Utf8Character first_character(std::string_view text);

// What must not reach a terminal or a log, and what printable() (text.h) escapes: a control character, or one that
// makes text look like other text (Unicode's marks of direction, its line separators, tags).
bool is_unprintable(char32_t character);

}  // namespace unionroot::base
