// Whether what the definitions name is there: for `unionroot check`. Loading looks at no tree.
#pragma once

#include <functional>
#include <string>

#include "definition/registry.h"

namespace unionroot::definition {

// Whether the host has a user or a group of that name.
struct HostNames {
  std::function<bool(const std::string&)> has_user, has_group;
};

// Only what a session could trip over: trees, files, devices, users, groups, bound folders.
Problems check_on_disk(const Snapshot& snapshot, const Settings& settings, const HostNames& names);

}  // namespace unionroot::definition
