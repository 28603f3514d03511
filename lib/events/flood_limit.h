// Limits the logging of events that any user can cause at will. Makes no system calls.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace unionroot::events {

// Not thread-safe.
class FloodLimit {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr unsigned told_in_a_window = 10;  // for one user
  static constexpr std::chrono::seconds window{60};
  // Users beyond this number share one limit. One person may have many uids (subuid(5)).
  static constexpr std::size_t most_users = 1024;

  // True if the caller should log this event. Otherwise the event is counted.
  bool admits(uid_t uid, Clock::time_point now);

  struct Untold {
    std::optional<uid_t> uid;  // nullopt: the users beyond most_users
    std::uint64_t count = 0;
  };
  // The counts of windows that ended by `now`. Each is returned once.
  std::vector<Untold> over(Clock::time_point now);
  // The end of the first window that has a count.
  [[nodiscard]] std::optional<Clock::time_point> next() const;

 private:
  struct Window {
    Clock::time_point begin;
    unsigned told = 0;
    std::uint64_t untold = 0;
  };
  std::map<std::optional<uid_t>, Window> windows_;
};

}  // namespace unionroot::events
