// Folders that carry their owner's token.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/unique_fd.h"
#include "owned/mark.h"
#include "owned/token.h"

namespace unionroot::owned {

enum class Found {
  nothing,
  ours,     // has exactly this token
  foreign,  // has another token, or none
};
// The mark of folder/name. Empty if that is not a folder.
Mark mark_of(int folder, const std::string& name);
Found find(int folder, const std::string& name, const Token& token);

// Opens folder/name if it has this token, or makes it: under a name that contains the token, then marks it, then
// renames it. Throws Error(session_exists) if something else has the name. `path`: the path of `folder`, for messages.
base::UniqueFd ensure_folder(int folder, const std::string& path, const std::string& name, const Token& token,
                             mode_t mode);

// Throws Error(session_exists): path/name does not belong to the session.
[[noreturn]] void refuse_foreign(int folder, const std::string& path, const std::string& name, const Token& token);

}  // namespace unionroot::owned
