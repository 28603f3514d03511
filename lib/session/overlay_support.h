// What this kernel's overlayfs can do, found out by trying.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "session/services.h"

namespace unionroot::session {

// Throws Error(not_supported) naming the option of union-mount-options that this kernel's overlayfs does not take.
// Tried once for each set of options, on a throw-away tmpfs in a namespace of its own.
void require_options(Services& services, const std::vector<std::pair<std::string, std::string>>& options);

}  // namespace unionroot::session
