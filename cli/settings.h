// The settings for the client: the bus, and the folders.
#pragma once

#include <string>

#include "definition/settings.h"

namespace unionroot::cli {

// Ignores errors in settings that no client uses. config: the file of --config, or empty. The default file may be
// missing; one that was named must exist.
definition::Settings settings_for(const std::string& config);

}  // namespace unionroot::cli
