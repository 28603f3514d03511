// The disk use of a folder, and of a session's upper layer.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/unique_fd.h"

namespace unionroot::session {

struct FolderUse {
  std::uint64_t bytes = 0, inodes = 0;
  bool whole = true;  // false: not everything was counted
};

struct UpperUse : FolderUse {
  std::string session, chroot, owner;
  std::optional<std::uint64_t> limit;  // bytes; only if the layer has a file system of its own (tmpfs, image, device)
};

// Counts until `end`, and at most `most_inodes` files, so the result may be too small. Skips what it cannot read.
FolderUse use_of(base::UniqueFd folder, std::chrono::steady_clock::time_point end, std::uint64_t most_inodes = 20'000);

}  // namespace unionroot::session
