// The wall-clock time that records and lock files contain.
#pragma once

#include <chrono>
#include <cstdint>

namespace unionroot::base {

// Microseconds since the epoch, by the system clock. Values are comparable across processes and reboots, but the clock
// may be set back.
inline std::int64_t now_microseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace unionroot::base
