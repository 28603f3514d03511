// Where the first process puts the new root together: a small file system in memory, which is its root meanwhile. So
// nothing is needed of the root that there is, not even /proc or /run.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "boot/layers.h"
#include "kernel/mounts.h"

namespace unionroot::boot {

class Workshop {
 public:
  // Makes it, and enters it: it has /dev, /proc, /sys and /run, those that there were or new ones, the old root's
  // programs, and an empty /new.
  explicit Workshop(kernel::Mounts& mounts);

  [[nodiscard]] bool in_memory() const { return in_memory_; }  // the old root is an initial file system
  [[nodiscard]] int old_root() const { return old_root_.get(); }

  // Back to the old root; the workshop is gone. Idempotent.
  void leave();

  // What is mounted at the stage becomes the root, with the workshop's /dev, /proc, /sys and /run. free_memory: what
  // the old root holds in memory is deleted.
  void make_root(const Site& site, bool free_memory);

 private:
  using Trees = std::vector<std::pair<std::string, base::UniqueFd>>;  // what is to be mounted where
  void fill();
  void add_programs(const base::UniqueFd& made, Trees& trees);
  void switch_to(const base::UniqueFd& tree);

  kernel::Mounts& mounts_;
  base::UniqueFd old_root_;
  bool in_memory_ = false;
  std::string place_;                 // the folder of the old root that it lies over
  std::vector<std::string> mounted_;  // of /dev ..., those that were mounted already
  bool inside_ = false;
};

}  // namespace unionroot::boot
