// Private to locks: the short-lived mutex of one tree.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/unique_fd.h"
#include "locks/directory.h"

namespace unionroot::locks::detail {

// <key>.manage, locked from construction to destruction; a holder that dies lets go of it (the kernel's doing). Mode
// 0600: who cannot open it cannot hold it up.
//
// Its content says whether a scan for source locks can be skipped: "clear" means that there is none. Anything else,
// an empty new file too, means that there may be some.
class ManageLock {
 public:
  static constexpr std::chrono::milliseconds usual_limit{10'000};

  // Throws Error(timed_out) that names the holder after `limit`, Error(cancelled) if `cancelled` says so.
  ManageLock(const Directory& directory, const std::string& key, const std::function<bool()>& cancelled = {},
             std::chrono::milliseconds limit = usual_limit);

  [[nodiscard]] bool clear_of_sources() const { return clear_; }
  void set_clear();      // after a scan that found no source lock
  void expect_source();  // before a source lock file gets its name
  void remove();         // removes the manage file itself; nothing may be done under this lock afterwards

 private:
  bool open_and_lock(const std::function<bool()>& cancelled, std::chrono::milliseconds limit);

  const Directory& directory_;
  std::string name_;
  base::UniqueFd descriptor_;
  bool clear_ = false;
};

}  // namespace unionroot::locks::detail
