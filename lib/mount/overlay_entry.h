// An overlay named in a profile: its layers on the host. Private to lib/mount.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mount/plan.h"

namespace unionroot::mount {

struct OverlayEntry {
  std::vector<std::string> lowers;  // absolute, top first; none: what the session has at the target
  std::string store;                // the folder above both upper and work; empty: a read-only overlay
  std::string upper, work;          // relative to it
  std::vector<std::pair<std::string, std::string>> options;  // the others
};

// Pure. Throws Error(definition_invalid) with the entry's origin.
OverlayEntry overlay_entry(const InnerMount& entry);

}  // namespace unionroot::mount
