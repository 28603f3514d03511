// The generated list of built-in profiles.
#pragma once

#include <string_view>
#include <vector>

namespace unionroot::definition {

struct BuiltInProfile {
  std::string_view name, fstab, copyfiles, nssdatabases;
};

const std::vector<BuiltInProfile>& built_in_profiles();

}  // namespace unionroot::definition
