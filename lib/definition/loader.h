// One reading of the configuration, and the folders that it looked into.
#pragma once

#include <set>
#include <string>

#include "definition/registry.h"

namespace unionroot::definition {

struct Loaded {
  Snapshot snapshot;
  std::set<std::string> consulted;  // folders whose change may change the result; they need not exist
};

Loaded load_all(const Settings& settings);

// Returns the configuration files that schroot reads, in its order. An untrusted file or folder is reported in
// `problems`.
std::vector<std::string> schroot_files(const Settings& settings, Problems& problems);

}  // namespace unionroot::definition
