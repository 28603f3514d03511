// What exists without any configuration: the built-in profiles, and the chroot `host`.
#pragma once

#include <optional>
#include <string_view>

#include "definition/definition.h"
#include "definition/profile_files.h"

namespace unionroot::definition {

bool is_built_in_profile(std::string_view name);

// Returns the text of a built-in profile's file; nullopt if there is no such profile.
std::optional<std::string_view> built_in_profile_file(std::string_view profile, ProfileFile kind);

// True if a built-in profile has the same entry. So installed copies of these profiles match too, and their unchanged
// lines after an edit.
bool has_built_in_profile_entry(const FstabEntry& entry);

// The machine's own root as a source tree, for root only. The profile is not filled in; look it up as "host".
Definition built_in_host();

}  // namespace unionroot::definition
