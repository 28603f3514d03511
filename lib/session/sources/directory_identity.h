// Which trees a session on directories began on. It is not set up again on others.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unionroot::session {

// A text for the journal, for these folders: of each the path without links, the inode, and lib/identity's lines.
std::string identify_directories(const std::vector<std::string>& directories);

// "that was ..., this is ..." for the first that is another one; or empty. What cannot be compared is taken as it is,
// as is a text of nothing, which a former version wrote.
std::string other_directory(std::string_view then, std::string_view now);

}  // namespace unionroot::session
