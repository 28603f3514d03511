// Delays of fault points (fault_point.h). Uses no library, because unionroot-helper, which has none, delays its own
// steps too.
#pragma once

#include <errno.h>   // NOLINT(modernize-deprecated-headers)
#include <stdint.h>  // NOLINT(modernize-deprecated-headers)
#include <time.h>

namespace unionroot::base {

inline constexpr const char* fault_delay_variable = "UNIONROOT_FAULT_DELAY";

// Pseudo-random times from 0 up to a limit. The same text always gives the same sequence.
class FaultDelay {
 public:
  // Format: MICROSECONDS[,SEED]. There is no delay if the text has another form or asks for more than one minute.
  constexpr explicit FaultDelay(const char* text) {
    uint64_t seed = 0;
    uint64_t limit = 0;
    if (text == nullptr || !number(text, limit) || limit > longest) return;
    if (*text == ',' && !number(++text, seed)) return;
    if (*text != '\0') return;
    limit_ = limit;
    state_ = seed;
  }

  [[nodiscard]] constexpr bool any() const { return limit_ > 0; }

  // Microseconds to wait at the `number`-th fault point (SplitMix64).
  [[nodiscard]] constexpr uint64_t at(uint64_t number) const {
    uint64_t value = state_ * 0xd1342543de82ef95U + (number + 1) * 0x9e3779b97f4a7c15U;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
    return limit_ == 0 ? 0 : (value ^ (value >> 31)) % (limit_ + 1);
  }

  void wait(uint64_t number) const {
    const uint64_t microseconds = at(number);
    timespec time{static_cast<time_t>(microseconds / 1'000'000), static_cast<long>(microseconds % 1'000'000 * 1000)};
    while (::nanosleep(&time, &time) != 0 && errno == EINTR) {
    }
  }

 private:
  static constexpr uint64_t longest = 60'000'000;

  // False if there are no digits or too many. Moves `text` past the last digit.
  static constexpr bool number(const char*& text, uint64_t& value) {
    int digits = 0;
    for (; *text >= '0' && *text <= '9'; ++text, ++digits) value = value * 10 + static_cast<uint64_t>(*text - '0');
    return digits > 0 && digits < 19;
  }

  uint64_t limit_ = 0;
  uint64_t state_ = 0;
};

}  // namespace unionroot::base
