// Opens configuration files so that only root can have written what is read.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace unionroot::definition {

// Reads the whole text of a configuration file. Returns nullopt if it does not exist. Symlinks are followed as in
// base::open_configuration. A FIFO or device does not block. consulted: receives the folders whose change may change
// the result.
//
// Throws Error(access_denied) for an untrusted file. Throws Error(definition_invalid) for a file over 4 MiB, and for a
// symlink without a target. Throws SystemError if the file cannot be read.
std::optional<std::string> read_trusted(const std::string& path, std::set<std::string>* consulted = nullptr);

// As read_trusted, but without the check of owner and mode. For files that are only checked: `unionroot check FILE`.
std::optional<std::string> read_untrusted(const std::string& path);

// The names in a folder, sorted, without "." and "..". Returns nullopt if it does not exist. Throws as read_trusted
// does: somebody who can write to the folder could move any file of root's into it.
std::optional<std::vector<std::string>> list_trusted(const std::string& path,
                                                     std::set<std::string>* consulted = nullptr);

bool folder_exists(const std::string& path);

}  // namespace unionroot::definition
