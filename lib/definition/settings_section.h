// The section [unionroot] of a keyfile.
#pragma once

#include <string>

#include "definition/keyfile.h"
#include "definition/settings.h"

namespace unionroot::definition {

inline constexpr const char* settings_section = "unionroot";

// Changes the settings that the section gives. Errors are added to `problems`.
void parse_settings(const KeyfileSection& section, const std::string& file, Settings& settings, Problems& problems);

}  // namespace unionroot::definition
