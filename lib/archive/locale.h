// Private to archive: libarchive turns the names of pax headers, which are UTF-8, into the thread's locale; in a
// daemon's "C" locale everything beyond ASCII would be lost.
#pragma once

#include <locale.h>

#include "base/error.h"

namespace unionroot::archive::detail {

// The calling thread's character set is UTF-8 while this lives.
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
