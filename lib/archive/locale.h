// Private to archive: libarchive converts the UTF-8 names of pax headers into the thread's locale. A daemon's "C"
// locale would lose everything beyond ASCII.
#pragma once

#include <locale.h>

#include "base/error.h"

namespace unionroot::archive::detail {

// Sets the calling thread's character set to UTF-8 during its lifetime.
class Utf8Locale {
 public:
  Utf8Locale() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{})) {
    if (locale_ == locale_t{}) base::throw_errno("choosing the locale C.UTF-8");
    before_ = ::uselocale(locale_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;
  ~Utf8Locale() {
    ::uselocale(before_);
    ::freelocale(locale_);
  }

 private:
  locale_t locale_;
  locale_t before_{};
};

}  // namespace unionroot::archive::detail
