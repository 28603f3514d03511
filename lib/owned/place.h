// Folders that only root can change. The daemon keeps there what it trusts and what it deletes. The user who runs the
// daemon counts as root, so that tests do not need root.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/unique_fd.h"

namespace unionroot::owned {

// Opens the folder for reading. Makes it, and what is missing above it. `what` is for messages: "the state directory".
// Throws Error(stage_failed) if others than root can change or replace it.
base::UniqueFd ensure_place(const std::string& what, const std::string& path, mode_t mode);
// The same, but makes nothing; nullopt if there is none.
std::optional<base::UniqueFd> open_place(const std::string& what, const std::string& path);

// The path of the folder without symbolic links and without "..". Only root's own links are followed. Returns `path`
// itself if there is no such folder, or if others than root can change it: ensure_place reports that.
std::string real_path_of_place(const std::string& path);

// Opens folder/name, a folder of our own; makes it if it is missing. `path`: the path of `folder`, for messages. Throws
// Error(stage_failed) if something else has the name, or if others than root can change the folder.
base::UniqueFd ensure_own_folder(int folder, const std::string& path, const std::string& name, mode_t mode);
// The same, but makes nothing; nullopt if there is none.
std::optional<base::UniqueFd> open_own_folder(int folder, const std::string& path, const std::string& name);

// True if the open file or folder belongs to root and nobody else can write to it. `path`: for messages.
bool is_own(int descriptor, const std::string& path);
// Throws Error(stage_failed) unless the open file or folder belongs to root and nobody else can write to it.
void require_own(int descriptor, const std::string& path);

}  // namespace unionroot::owned
