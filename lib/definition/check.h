// Whether what the definitions name is there: for `unionroot check`. Loading looks at no tree.
#pragma once

#include "definition/registry.h"

namespace unionroot::definition {

// Only what a session could trip over: trees, files, devices, users, groups, bound folders. Not thread-safe (getpwnam).
Problems check_on_disk(const Snapshot& snapshot, const Settings& settings = {});

}  // namespace unionroot::definition
