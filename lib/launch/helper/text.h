// A message of bounded length, put together without allocating.
#pragma once

#include <stddef.h>

#include "launch/control.h"

namespace unionroot::helper {

class Text {
 public:
  Text() { data_[0] = '\0'; }
  Text& add(const char* text);
  // A stranger's text in quotation marks: control characters become '?', and at most 200 bytes are shown.
  Text& add_quoted(const char* strangers);
  // What errno means, in English: no locale is loaded here.
  Text& add_error(int error_number);
  [[nodiscard]] const char* c_str() const { return data_; }

 private:
  void put(char c);
  char data_[launch::control::longest_text];
  size_t length_ = 0;
};

}  // namespace unionroot::helper
