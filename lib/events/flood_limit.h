// How many events that anybody can cause at will are told. Pure.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace unionroot::events {

// Not for several threads at once.
class FloodLimit {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr unsigned told_in_a_window = 10;  // of one user
  static constexpr std::chrono::seconds window{60};
  // Whoever has many uids (subuid(5)) has one share for all those beyond.
  static constexpr std::size_t most_users = 1024;

  // Whether this one is told. If not it is counted.
  bool admits(uid_t uid, Clock::time_point now);

  struct Untold {
    std::optional<uid_t> uid;  // nullopt: users beyond most_users
    std::uint64_t count = 0;
  };
  // Of windows that were over at `now`: their counts, each once.
  std::vector<Untold> over(Clock::time_point now);
  // When the first window with something untold is over.
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
