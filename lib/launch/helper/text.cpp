#include "launch/helper/text.h"

#include <errno.h>
#include <string.h>

namespace unionroot::helper {

namespace {

// These texts differ between musl and glibc. The daemon and the supervisor must report the same text for an error.
const char* text_of(int error_number) {
  switch (error_number) {
    case EIO: return "Input/output error";
    case ENOMEM: return "Cannot allocate memory";
    case EBUSY: return "Device or resource busy";
    case EXDEV: return "Invalid cross-device link";
    case EMFILE: return "Too many open files";
    case ENOTTY: return "Inappropriate ioctl for device";
    case ENAMETOOLONG: return "File name too long";
    case ELOOP: return "Too many levels of symbolic links";
    case EOPNOTSUPP: return "Operation not supported";
    case ETIMEDOUT: return "Connection timed out";
    case EUSERS: return "Too many users";
    case EDQUOT: return "Disk quota exceeded";
    case ELIBBAD: return "Accessing a corrupted shared library";
    default: return strerror(error_number);
  }
}

}  // namespace

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
  constexpr size_t longest_shown = 200;
  put('\'');
  size_t shown = 0;
  for (; strangers[shown] != '\0' && shown < longest_shown; ++shown) {
    const auto c = static_cast<unsigned char>(strangers[shown]);
    put(c < 0x20 || c == 0x7f ? '?' : strangers[shown]);
  }
  if (strangers[shown] != '\0') add("...");
  put('\'');
  return *this;
}

Text& Text::add_error(int error_number) { return add(text_of(error_number)); }

}  // namespace unionroot::helper
