// Changes of trees that a daemon broke off, and that the next one finishes (`unionroot apply`, `undo`). Until then
// nobody may lock such a tree.
#pragma once

#include <string>

namespace unionroot::locks {

// Throws Error(source_locked) if a record in <state>/applies says so of the tree with that key. Call it after taking
// the tree's lock: whoever writes such a record holds the source lock. Throws SystemError.
void require_finished(const std::string& state_directory, const std::string& key);

}  // namespace unionroot::locks
