// Lists of changes as `unionroot diff` prints them, read again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unionroot::cli {

// The paths in it, of what was renamed both. Lines, or with `diff -z` texts that end with NUL. Empty lines are passed
// over. Throws UsageError naming the line that is none of such a list.
std::vector<std::string> paths_of_changes(std::string_view text);

}  // namespace unionroot::cli
