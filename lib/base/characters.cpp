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
  // Overlong forms, surrogates and values beyond Unicode are invalid. D-Bus disconnects a client that sends them.
  const bool valid = point >= smallest[length] && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
  return valid ? Utf8Character{length, point} : Utf8Character{};
}

bool is_unprintable(char32_t character) {
  struct Range {
    char32_t first, last;
  };
  static constexpr Range ranges[] = {
      {0x00, 0x1F},     {0x7F, 0x9F},        // terminals interpret them
      {0x61C, 0x61C},   {0x200E, 0x200F},    // direction marks
      {0x2028, 0x202E},                      // line and paragraph separators; embeddings and overrides
      {0x2066, 0x206F},                      // isolates, and deprecated format characters
      {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F},  // annotations and tags: invisible text
  };
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [character](const Range& range) { return character >= range.first && character <= range.last; });
}

}  // namespace unionroot::base
