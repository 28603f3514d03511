// Configuration files are opened so that nobody but root can have written what is read.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace unionroot::definition {

// The whole text of a configuration file. nullopt if it is not there. Links are followed where base::open_configuration
// follows them; a FIFO or device does not block. consulted: gets the folders whose change may change what is read.
// Throws Error(access_denied) for a file that is not to be trusted. Throws Error(definition_invalid) for one that is
// larger than 4 MiB, and for a link that leads nowhere. Throws SystemError for what cannot be read.
std::optional<std::string> read_trusted(const std::string& path, std::set<std::string>* consulted = nullptr);

// The same without the check of owner and mode: for files that are only looked at, `unionroot check FILE`.
std::optional<std::string> read_untrusted(const std::string& path);

// The names in a folder, sorted, without "." and "..". nullopt if it is not there. Throws as read_trusted does: whoever
// can write to the folder could put any file of root's there.
std::optional<std::vector<std::string>> list_trusted(const std::string& path,
                                                     std::set<std::string>* consulted = nullptr);

// True if there is a folder at that path.
bool folder_exists(const std::string& path);

}  // namespace unionroot::definition
