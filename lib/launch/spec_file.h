// Writes the launch spec in the form that the helper reads (wire.h).
#pragma once

#include <string>

#include "base/unique_fd.h"
#include "launch/spec.h"

namespace unionroot::launch {

// The descriptors that exist for the command to enter.
struct Entered {
  bool cgroup = false;
  bool network = false;
};

// Throws Error(invalid_argument) for a NUL in a string, or more than 16 MiB in all.
std::string serialize(const LaunchSpec& spec, Entered entered);

// A memory file with those bytes, sealed against all changes. Throws SystemError.
base::UniqueFd sealed_file(const std::string& bytes);

}  // namespace unionroot::launch
