// Tests what this kernel's overlayfs can do.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "session/services.h"

namespace unionroot::session {

// Throws Error(not_supported) naming the option of union-mount-options that this kernel's overlayfs rejects. Tests each
// set of options once, on a temporary tmpfs in its own namespace.
void require_options(Services& services, const std::vector<std::pair<std::string, std::string>>& options);

// The reason why the file system of a folder of sessions cannot hold upper layers; nullopt: it can. Tests each file
// system once, in a temporary folder on it. Throws SystemError for other failures.
std::optional<std::string> upper_fault(const Services& services, const std::string& path);
// Removes the folder of a test that a dead daemon did not finish.
void remove_left_trial(int folder, const std::string& daemon);

}  // namespace unionroot::session
