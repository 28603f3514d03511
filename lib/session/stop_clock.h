// That the daemon stops, and for how long it has been about to.
#pragma once

#include <atomic>
#include <chrono>

#include "base/error.h"

namespace unionroot::session {

class StopClock {
 public:
  void start() noexcept {
    Clock::rep none = 0;
    since_.compare_exchange_strong(none, Clock::now().time_since_epoch().count());
  }
  // Sessions that end as the machine goes down have the time that the machine gives them.
  void clear() noexcept { since_ = 0; }
  // Scripts that stop a session may take as long as they like; but a daemon that stops waits for them so long only.
  [[nodiscard]] bool is_over() const noexcept {
    constexpr std::chrono::seconds patience{5};
    const auto since = since_.load();
    return since != 0 && Clock::now() - Clock::time_point(Clock::duration(since)) > patience;
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::atomic<Clock::rep> since_{0};
};

// The daemon stops, and has broken off what it was doing on a session. The session stays as it is: the next daemon does
// it again, as after a crash.
class BrokenOff : public base::Error {
 public:
  using Error::Error;
};

}  // namespace unionroot::session
