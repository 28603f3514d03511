// Configuration files are opened so that nobody but root can have written what is read.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace unionroot::definition {

// The whole text of a configuration file. nullopt if it is not there. Symbolic links are not followed, a FIFO or device
// does not block. Throws Error(access_denied) for a file that is not to be trusted, Error(definition_invalid) for one
// that is larger than 4 MiB, SystemError for what cannot be read.
std::optional<std::string> read_trusted(const std::string& path);

// The same without the check of owner and mode: for files that are only looked at, `unionroot check FILE`.
std::optional<std::string> read_untrusted(const std::string& path);

// The names in a folder, sorted, without "." and "..". nullopt if it is not there. Throws Error(access_denied) unless
// the folder is owned by root and not writable by group or others: else anybody could put a root-owned file there.
std::optional<std::vector<std::string>> list_trusted(const std::string& path);

// True if there is a folder at that path.
bool folder_exists(const std::string& path);

}  // namespace unionroot::definition
