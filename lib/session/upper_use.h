// How much the sessions' upper layers take.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "session/folder_use.h"
#include "session/parts.h"

namespace unionroot::session {

enum class Amount { bytes, inodes };

// Of the sessions that `wanted` accepts, in the order of their ids. A layer with a file system of its own takes the
// same time whatever its size. The files of all others are counted, for a few seconds in all. Never throws for what a
// tree holds. Without those that have no upper layer, and those that are being set up or ended.
std::vector<UpperUse> use_of_uppers(const Parts& parts, const std::function<bool(const SessionView&)>& wanted);

// Of those whose folders are on the file system of `folder`, the few that take the most, the largest first. Looks for a
// fraction of a second, so it may miss some. Never throws for what a tree holds.
std::vector<UpperUse> largest_uppers(const Parts& parts, const std::string& folder, Amount amount);

}  // namespace unionroot::session
