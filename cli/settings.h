// The settings: which bus, which folders.
#pragma once

#include <string>

#include "definition/settings.h"

namespace unionroot::cli {

// What is wrong with a setting that no client uses is passed over. config: what --config named, or empty. The default
// file need not be there; one that was named must.
definition::Settings settings_for(const std::string& config);

}  // namespace unionroot::cli
