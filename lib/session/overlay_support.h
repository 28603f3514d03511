// What this kernel's overlayfs can do, found out by trying.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "session/services.h"

namespace unionroot::session {

// Throws Error(not_supported) naming the option of union-mount-options that this kernel's overlayfs does not take.
// Tried once for each set of options, on a throw-away tmpfs in a namespace of its own.
void require_options(Services& services, const std::vector<std::pair<std::string, std::string>>& options);

// Why the file system of a folder of sessions cannot hold upper layers; nullopt: it can. Tried once for each file
// system, in a folder that is made for it.
std::optional<std::string> upper_fault(const Services& services, const std::string& path);
// What a daemon left that died while it tried.
void remove_left_trial(int folder, const std::string& daemon);

}  // namespace unionroot::session
