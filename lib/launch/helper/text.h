// A message of limited length, built without allocation.
#pragma once

#include <stddef.h>

#include "launch/control.h"

namespace unionroot::helper {

class Text {
 public:
  Text() { data_[0] = '\0'; }
  Text& add(const char* text);
  // Adds untrusted text in quotation marks. Control characters become '?'. Shows at most 200 bytes.
  Text& add_quoted(const char* strangers);
  // Adds the text of errno in English: the helper loads no locale.
  Text& add_error(int error_number);
  [[nodiscard]] const char* c_str() const { return data_; }

 private:
  void put(char c);
  char data_[launch::control::longest_text];
  size_t length_ = 0;
};

}  // namespace unionroot::helper
