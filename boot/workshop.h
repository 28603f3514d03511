// The first process puts the new root together in a workshop: a small tmpfs, which is the process's root meanwhile. So
// the old root needs no folders for mounts, not even /proc or /run.
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
  // Makes the workshop and enters it. It has /dev, /proc, /sys and /run (clones of those that were mounted, or new
  // ones), the old root's programs, and an empty folder /new. Throws Error.
  explicit Workshop(kernel::Mounts& mounts);

  [[nodiscard]] bool in_memory() const { return in_memory_; }  // whether the old root is an initial file system
  [[nodiscard]] int old_root() const { return old_root_.get(); }

  // Goes back to the old root, and unmounts the workshop. Idempotent.
  void leave();

  // Makes the mount at the stage the root, with the workshop's /dev, /proc, /sys and /run. free_memory: the files of an
  // initial file system are deleted. Throws Error.
  void make_root(const Site& site, bool free_memory);

 private:
  using Trees = std::vector<std::pair<std::string, base::UniqueFd>>;  // where to mount which tree
  void fill();
  void add_programs(const base::UniqueFd& made, Trees& trees);
  void switch_to(const base::UniqueFd& tree);

  kernel::Mounts& mounts_;
  base::UniqueFd old_root_;
  bool in_memory_ = false;
  std::string place_;                 // the folder of the old root over which the workshop is mounted
  std::vector<std::string> mounted_;  // those of /dev, /proc, /sys and /run that were mounted before
  bool inside_ = false;
};

}  // namespace unionroot::boot
