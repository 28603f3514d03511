// Private to locks: waits for a possible change of the locks.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "locks/directory.h"

namespace unionroot::locks::detail {

bool must_not_wait(const Wait& wait);

// Returns an inotify(7) descriptor that is readable when a file leaves the directory. Empty if the machine has no free
// inotify instance.
base::UniqueFd watch(const Directory& directory);

// Wakes when a file leaves the directory (inotify), and ten times a second in any case. The interval is needed because
// a dead owner's lock is released without a change in the directory, and because `cancelled` must be polled.
class Waiter {
 public:
  Waiter(const Directory& directory, const Wait& wait);

  // Returns false when the limit is over. Throws Error(cancelled).
  bool pause();

 private:
  const Wait& wait_;
  base::UniqueFd events_;  // empty: only the interval wakes it
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  std::chrono::steady_clock::time_point last_early_wake_{};
};

}  // namespace unionroot::locks::detail
