// How long a command may take.
#pragma once

#include <chrono>
#include <optional>

#include "terminal/signals.h"

namespace unionroot::terminal {

// The time limit of the command, from when relaying begins. At the limit the command gets SIGTERM. After the grace
// period it is killed with everything that it started.
struct TimeLimit {
  std::chrono::milliseconds limit;
  std::chrono::milliseconds grace;
};

// Sends SIGALRM at the limit, and again after the grace period. SIGALRM is blocked while this object lives. A process
// may have only one Alarm.
class Alarm {
 public:
  explicit Alarm(const std::optional<TimeLimit>& limit);
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm();

  [[nodiscard]] bool has_limit() const { return limit_.has_value(); }
  // Called after each SIGALRM. True if the grace period begins now.
  bool begin_grace();
  [[nodiscard]] bool is_over() const { return over_; }  // the limit has been reached

 private:
  static void set(std::chrono::milliseconds time);

  std::optional<TimeLimit> limit_;
  std::optional<Signals> blocked_;
  bool over_ = false;
};

}  // namespace unionroot::terminal
