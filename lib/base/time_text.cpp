#include "base/time_text.h"

#include <ctime>

namespace unionroot::base {

namespace {

std::string text(std::int64_t microseconds, tm* (*convert)(const time_t*, tm*), const char* format) {
  const auto seconds = static_cast<std::time_t>(microseconds / 1'000'000);
  std::tm parts{};
  char text[32];
  if (convert(&seconds, &parts) == nullptr) return "an unknown time";  // the year does not fit in an int
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

}  // namespace

std::string local_time(std::int64_t microseconds) { return text(microseconds, ::localtime_r, "%F %T"); }
std::string utc_time(std::int64_t microseconds) { return text(microseconds, ::gmtime_r, "%F %T UTC"); }
std::string time_stamp(std::int64_t microseconds) { return text(microseconds, ::gmtime_r, "%Y%m%dT%H%M%SZ"); }

}  // namespace unionroot::base
