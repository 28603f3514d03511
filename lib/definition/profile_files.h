// The three files of a profile, as text to values. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "definition/problem.h"
#include "definition/profile.h"

namespace unionroot::definition {

enum class ProfileFile { fstab, copyfiles, nssdatabases };
inline constexpr ProfileFile profile_files[] = {ProfileFile::fstab, ProfileFile::copyfiles, ProfileFile::nssdatabases};

std::string_view file_name(ProfileFile kind);  // "fstab" ...

// Adds what the text says to the member of `profile` that this kind of file fills; what is wrong goes to problems.
void parse_profile_file(ProfileFile kind, std::string_view text, const std::string& file, Profile& profile,
                        Problems& problems);

}  // namespace unionroot::definition
