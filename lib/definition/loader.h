// One reading of the configuration, and which folders it looked into.
#pragma once

#include <set>
#include <string>

#include "definition/registry.h"

namespace unionroot::definition {

struct Loaded {
  Snapshot snapshot;
  std::set<std::string> consulted;  // folders whose change may change the result, whether they exist or not
};

Loaded load_all(const Settings& settings);

// Those of its files that schroot reads, in its order; what is not to be trusted goes to problems.
std::vector<std::string> schroot_files(const Settings& settings, Problems& problems);

}  // namespace unionroot::definition
