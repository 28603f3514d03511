// How much of its file system a folder takes.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/unique_fd.h"

namespace unionroot::session {

struct FolderUse {
  std::uint64_t bytes = 0, inodes = 0;
  bool whole = true;  // false: there is more than was counted
};

// Counts until `end`, and at most 20 000 files, so it may count less. Never throws for what the tree holds.
FolderUse use_of(base::UniqueFd folder, std::chrono::steady_clock::time_point end);

}  // namespace unionroot::session
