#include "base/characters.h"

#include <algorithm>
#include <iterator>

namespace unionroot::base {

Utf8Character first_character(std::string_view text) {
  static constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (text.empty()) return {};
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {1, lead};
  const std::size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0 || length > text.size()) return {};
  char32_t point = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) != 0x80) return {};
    point = point << 6 | (byte & 0x3Fu);
  }
  // Overlong forms, what is beyond Unicode, and surrogates are none: D-Bus cuts off whoever sends them.
  const bool valid = point >= smallest[length] && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
  return valid ? Utf8Character{length, point} : Utf8Character{};
}

bool is_unprintable(char32_t character) {
  struct Range {
    char32_t first, last;
  };
  static constexpr Range ranges[] = {
      {0x00, 0x1F},     {0x7F, 0x9F},        // terminals obey them
      {0x61C, 0x61C},   {0x200E, 0x200F},    // marks of direction
      {0x2028, 0x202E},                      // separators of lines and paragraphs; embeddings and overrides
      {0x2066, 0x206F},                      // isolates, and formats that are out of use
      {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F},  // annotations and tags: text that is not seen
  };
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [character](const Range& range) { return character >= range.first && character <= range.last; });
}

}  // namespace unionroot::base
