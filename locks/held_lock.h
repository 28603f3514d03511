// Private to locks: the implementation of HeldLock.
#pragma once

#include <unistd.h>

#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "locks/directory.h"
#include "locks/source_lock.h"

namespace unionroot::locks {

struct HeldLock::Impl {
  std::shared_ptr<const detail::Directory> directory;
  std::string key;
  std::string name;  // in the directory
  std::string full;
  base::UniqueFd descriptor;
  detail::Inode inode;
  bool preserved = false;
  pid_t taker = ::getpid();  // a forked child that exits must not release its parent's lock

  Impl(std::shared_ptr<const detail::Directory> in, const detail::FileName& file, base::UniqueFd lock, bool outlives);
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl();

  void release();
};

}  // namespace unionroot::locks
