// Folders that carry their owner's token.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/unique_fd.h"
#include "owned/mark.h"
#include "owned/token.h"

namespace unionroot::owned {

// What is there under a name.
enum class Found {
  nothing,
  ours,     // it has this very token
  foreign,  // it has another, or none
};
// Mark of folder/name; an empty one for what is no folder.
Mark mark_of(int folder, const std::string& name);
Found find(int folder, const std::string& name, const Token& token);

// folder/name with this token: made, or the one that is there. It is made under a name that has the token in it,
// marked, and then renamed. Throws Error(session_exists) if something else has the name; `path` of the folder is for
// messages.
base::UniqueFd ensure_folder(int folder, const std::string& path, const std::string& name, const Token& token,
                             mode_t mode);

// Throws Error(session_exists): what is at path/name is not the session's.
[[noreturn]] void refuse_foreign(int folder, const std::string& path, const std::string& name, const Token& token);

}  // namespace unionroot::owned
