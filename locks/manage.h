// Private to locks: the mutex of one tree, held only briefly.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/unique_fd.h"
#include "locks/directory.h"

namespace unionroot::locks::detail {

// The file <key>.manage, locked from construction to destruction. If the holder dies, the kernel releases the lock.
// Mode 0600: a user who cannot open the file cannot block it.
//
// Its content tells whether a scan for source locks can be skipped: "clear" means that there are none. Any other
// content, even an empty new file, means that there may be some.
class ManageLock {
 public:
  static constexpr std::chrono::milliseconds usual_limit{10'000};

  // Throws Error(timed_out) that names the holder after `limit`, or Error(cancelled) if `cancelled` returns true.
  ManageLock(const Directory& directory, const std::string& key, const std::function<bool()>& cancelled = {},
             std::chrono::milliseconds limit = usual_limit);

  [[nodiscard]] bool clear_of_sources() const { return clear_; }
  void set_clear();      // call after a scan that found no source lock
  void expect_source();  // call before a source lock file gets its name
  void remove();         // removes the manage file; do nothing under this lock afterwards

 private:
  bool open_and_lock(const std::function<bool()>& cancelled, std::chrono::milliseconds limit);

  const Directory& directory_;
  std::string name_;
  base::UniqueFd descriptor_;
  bool clear_ = false;
};

}  // namespace unionroot::locks::detail
