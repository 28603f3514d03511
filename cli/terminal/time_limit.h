// How long a command may take.
#pragma once

#include <chrono>
#include <optional>

#include "terminal/signals.h"

namespace unionroot::terminal {

// Of the command, from the moment at which it is relayed. At the limit it gets SIGTERM; after the grace it is killed
// with all that it started.
struct TimeLimit {
  std::chrono::milliseconds limit;
  std::chrono::milliseconds grace;
};

// Tells by SIGALRM, which is blocked while this lives, that the time is up: once at the limit, and once after the
// grace. One of a process.
class Alarm {
 public:
  explicit Alarm(const std::optional<TimeLimit>& limit);
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm();

  [[nodiscard]] bool has_limit() const { return limit_.has_value(); }
  // To be asked after each SIGALRM. True if the grace begins now.
  bool begin_grace();
  [[nodiscard]] bool is_over() const { return over_; }  // the limit

 private:
  static void set(std::chrono::milliseconds time);

  std::optional<TimeLimit> limit_;
  std::optional<Signals> blocked_;
  bool over_ = false;
};

}  // namespace unionroot::terminal
