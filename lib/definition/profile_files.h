// Parses the three files of a profile. Pure.
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

// Adds the entries of the text to the member of `profile` for this kind of file. Errors are added to `problems`.
void parse_profile_file(ProfileFile kind, std::string_view text, const std::string& file, Profile& profile,
                        Problems& problems);

}  // namespace unionroot::definition
