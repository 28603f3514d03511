// What detached commands have written: a file each, <state>/output/<uid>/<run>, uid being of who asked for it. For root
// alone; others are given a descriptor. A run's supervisor writes the file (launch/helper/output.h).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::session {

// Thread-safe.
class Outputs {
 public:
  struct Limits {
    std::uint64_t of_run = 0;   // bytes
    std::uint64_t of_user = 0;  // of all that a user's runs have; those that run count with `of_run` each
    std::chrono::hours age{0};  // what is older goes; zero: all that belongs to no running command
  };
  // Looks at what runs. What it returns says whether the command of that id does. It may throw.
  using Runs = std::function<std::function<bool(const std::string& run)>()>;
  // Makes the folder.
  Outputs(const std::string& state_directory, const Limits& limits, Runs runs);

  [[nodiscard]] std::uint64_t limit_of_run() const { return limits_.of_run; }

  // Makes the file, which is open for appending. Removes the user's oldest to make room for it. Until started() the run
  // counts as one that runs. Throws Error(limit_exceeded) if those that run leave no room; not for root.
  base::UniqueFd create(uid_t caller, const std::string& run);
  // It is among those that run, or could not be started.
  void started(const std::string& run);
  void remove(uid_t caller, const std::string& run) noexcept;
  // For reading; empty if it is not there any more, or the run was not detached.
  [[nodiscard]] base::UniqueFd open(uid_t caller, const std::string& run) const;
  [[nodiscard]] bool has(uid_t caller, const std::string& run) const;
  // The run has ended: its output goes at once where nothing is kept.
  void ended(uid_t caller, const std::string& run) noexcept;
  // Removes what is too old, of all users.
  void prune();

 private:
  struct File {
    std::string run;
    std::chrono::nanoseconds time{0};  // since the epoch
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] base::UniqueFd folder_of(uid_t caller) const;  // empty if there is none
  [[nodiscard]] std::vector<File> ended_files(int folder, unsigned& running) const;
  void make_room(int folder, uid_t caller);
  void prune_folder(int folder) const;
  void prune_if_due() noexcept;

  const Limits limits_;
  const Runs runs_;
  base::UniqueFd folder_;
  mutable std::mutex mutex_;  // of what follows, and of what is made and removed in the folder
  std::set<std::string> starting_;
  std::chrono::steady_clock::time_point next_prune_;
};

}  // namespace unionroot::session
