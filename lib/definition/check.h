// Checks whether the things that definitions name exist: for `unionroot check`. Loading a definition does not look at
// its tree.
#pragma once

#include <functional>
#include <string>

#include "definition/registry.h"

namespace unionroot::definition {

struct HostNames {
  std::function<bool(const std::string&)> has_user, has_group;
};

// Checks only what can make a session fail: trees, files, devices, users, groups, bound folders.
Problems check_on_disk(const Snapshot& snapshot, const Settings& settings, const HostNames& names);

}  // namespace unionroot::definition
