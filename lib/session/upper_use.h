// The space that the sessions' upper layers use.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "session/folder_use.h"
#include "session/parts.h"

namespace unionroot::session {

enum class Amount { bytes, inodes };

// The sessions that `wanted` accepts, ordered by id. One call measures a layer with a file system of its own, whatever
// its size. The files of other sessions' folders are counted, for 5 s in all. Leaves out sessions that have neither.
// Never throws because of a tree's content.
std::vector<UpperUse> use_of_uppers(const Parts& parts, const std::function<bool(const SessionView&)>& wanted);

// The sessions that use the most of the file system of `folder`, the largest first, at most three. Searches for 0.3 s,
// so it may miss some. Never throws because of a tree's content.
std::vector<UpperUse> largest_uppers(const Parts& parts, const std::string& folder, Amount amount);

}  // namespace unionroot::session
