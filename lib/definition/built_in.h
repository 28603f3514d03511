// What is there without any configuration: the profiles, and the chroot `host`.
#pragma once

#include <optional>
#include <string_view>

#include "definition/definition.h"
#include "definition/profile_files.h"

namespace unionroot::definition {

bool is_built_in_profile(std::string_view name);

// The text of a built-in profile's file; nullopt if there is no such profile.
std::optional<std::string_view> built_in_profile_file(std::string_view profile, ProfileFile kind);

// Whether a built-in profile has the same entry: the installed copies of those profiles, and what began as one of them,
// do.
bool has_built_in_profile_entry(const FstabEntry& entry);

// The machine's own root as the source tree, for root alone. Without its profile, which is to be looked up as "host".
Definition built_in_host();

}  // namespace unionroot::definition
