#include "launch/helper/text.h"

#include <cstring>

namespace unionroot::helper {

void Text::put(char c) {
  if (length_ + 1 >= sizeof data_) return;
  data_[length_++] = c;
  data_[length_] = '\0';
}

Text& Text::add(const char* text) {
  for (; *text != '\0'; ++text) put(*text);
  return *this;
}

Text& Text::add_quoted(const char* strangers) {
  constexpr std::size_t longest_shown = 200;
  put('\'');
  std::size_t shown = 0;
  for (; strangers[shown] != '\0' && shown < longest_shown; ++shown) {
    const auto c = static_cast<unsigned char>(strangers[shown]);
    put(c < 0x20 || c == 0x7f ? '?' : strangers[shown]);
  }
  if (strangers[shown] != '\0') add("...");
  put('\'');
  return *this;
}

Text& Text::add_error(int error_number) {
  const char* text = strerrordesc_np(error_number);
  return add(text != nullptr ? text : "unknown error");
}

}  // namespace unionroot::helper
