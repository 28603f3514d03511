// Folders that are root's alone, in which the daemon keeps what it believes and what it deletes. Whoever runs it counts
// as root, so that a test needs not be.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/unique_fd.h"

namespace unionroot::owned {

// The folder, readable; it and what is missing above it are made. `what` is for messages: "the state directory".
// Throws Error(stage_failed) if somebody else than root can change it, or put another in its place.
base::UniqueFd ensure_place(const std::string& what, const std::string& path, mode_t mode);
// The same; nullopt if there is none.
std::optional<base::UniqueFd> open_place(const std::string& what, const std::string& path);

// The path under which the folder is found without a symbolic link, of which root's own are followed, or "..". As it
// is, if there is none, or it is not root's alone: ensure_place says so.
std::string real_path_of_place(const std::string& path);

// folder/name, a folder of our own; made if it is missing. path: of the folder, for messages. Throws
// Error(stage_failed) if something else has the name, or the folder is not root's alone.
base::UniqueFd ensure_own_folder(int folder, const std::string& path, const std::string& name, mode_t mode);
// The same; nullopt if there is none.
std::optional<base::UniqueFd> open_own_folder(int folder, const std::string& path, const std::string& name);

// Whether the open file or folder belongs to root and nobody else can write to it. path: for messages.
bool is_own(int descriptor, const std::string& path);
// Throws Error(stage_failed) unless the open file or folder belongs to root and nobody else can write to it.
void require_own(int descriptor, const std::string& path);

}  // namespace unionroot::owned
