// Private to locks: waiting until something may have changed.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "locks/directory.h"

namespace unionroot::locks::detail {

// True if the request must not wait at all.
bool must_not_wait(const Wait& wait);

// Readable when a file leaves the directory, by inotify(7); none if the machine has no inotify instances left.
base::UniqueFd watch(const Directory& directory);

// Wakes when a file leaves the directory (inotify), and ten times a second in any case: a lock whose owner dies is
// let go of without any change in the directory, and `cancelled` wants to be asked.
class Waiter {
 public:
  Waiter(const Directory& directory, const Wait& wait);

  // False when the limit is over; throws Error(cancelled).
  bool pause();

 private:
  const Wait& wait_;
  base::UniqueFd events_;  // none: then the timer alone
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  std::chrono::steady_clock::time_point last_early_wake_{};
};

}  // namespace unionroot::locks::detail
