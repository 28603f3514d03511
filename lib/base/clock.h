// The time of day, as records and lock files keep it.
#pragma once

#include <chrono>
#include <cstdint>

namespace unionroot::base {

// Microseconds since the epoch, by the system's clock: comparable across processes and reboots, and it may be set back.
inline std::int64_t now_microseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace unionroot::base
