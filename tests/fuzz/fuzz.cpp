#include "fuzz.h"

#include <algorithm>

#include "base/text.h"

namespace unionroot::fuzz {

void require_text(std::string_view text, const char* what) {
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f;
  });
  require(base::valid_utf8(text) && !control, what, text);
}

void require_showable(std::string_view text, const char* what) {
  require_text(text, what);
  for (std::size_t at = text.find('\xc2'); at != text.npos; at = text.find('\xc2', at + 1))
    require(static_cast<unsigned char>(text[at + 1]) >= 0xa0, what, text);
  // U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069.
  for (const auto* mark :
       {"\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaa", "\xe2\x80\xab",
        "\xe2\x80\xac", "\xe2\x80\xad", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9"})
    require(text.find(mark) == text.npos, what, text);
}

void require_showable(const base::Error& refusal) {
  require_showable(refusal.what(), "a refusal can be shown");
  require_showable(refusal.hint(), "the hint of a refusal can be shown");
}

void require_inside(std::string_view path, const char* what) {
  require(path.find('\0') == path.npos, what, path);
  for (const auto& part : base::split(path, '/')) require(part != "..", what, path);
}

}  // namespace unionroot::fuzz
