// Tells that the daemon is about to stop, and since when.
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
  // At shutdown of the machine, ending sessions get the machine's time limit instead.
  void clear() noexcept { since_ = 0; }
  // Scripts that stop a session have no limit of their own here, but a stopping daemon waits only this long for them.
  [[nodiscard]] bool is_over() const noexcept {
    constexpr std::chrono::seconds patience{5};
    const auto since = since_.load();
    return since != 0 && Clock::now() - Clock::time_point(Clock::duration(since)) > patience;
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::atomic<Clock::rep> since_{0};
};

// The daemon stops and has interrupted its work on a session. The session stays as it is, and the next daemon repeats
// the work, as after a crash.
class BrokenOff : public base::Error {
 public:
  using Error::Error;
};

}  // namespace unionroot::session
