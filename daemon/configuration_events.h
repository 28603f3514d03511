// Events for the changes between two configurations.
#pragma once

#include <vector>

#include "definition/registry.h"
#include "events/event.h"

namespace unionroot::daemon {

// former: nullptr at the start of the daemon: no chroot counts as new then. Slow: it serializes all definitions.
std::vector<events::Event> configuration_events(const definition::Snapshot* former, const definition::Snapshot& now);

}  // namespace unionroot::daemon
