// Which sessions take the most of a file system.
#pragma once

#include <string>
#include <vector>

#include "session/folder_use.h"
#include "session/parts.h"

namespace unionroot::session {

enum class Amount { bytes, inodes };

struct UpperUse : FolderUse {
  std::string session, owner;
};

// Of those whose folders are on the file system of `folder`, the few that take the most, the largest first. Looks for a
// fraction of a second, so it may miss some. Never throws for what a tree holds.
std::vector<UpperUse> largest_uppers(const Parts& parts, const std::string& folder, Amount amount);

}  // namespace unionroot::session
