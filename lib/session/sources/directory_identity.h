// Identifies the trees on which a session on directories began. The session is not set up again on other trees.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unionroot::session {

// A text for the journal that identifies these folders. For each: the path without links, the inode, the file system's
// type, and the lines of lib/identity. Empty if a folder cannot be opened.
std::string identify_directories(const std::vector<std::string>& directories);

// "that was ..., this is ..." for the first folder that is another one; empty: none is. Folders that cannot be compared
// count as the same. So does an empty text, which a former version wrote.
std::string other_directory(std::string_view then, std::string_view now);

}  // namespace unionroot::session
