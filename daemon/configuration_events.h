// What an edit of the configuration means, as events.
#pragma once

#include <vector>

#include "definition/registry.h"
#include "events/event.h"

namespace unionroot::daemon {

// former: nullptr at the start of the daemon, when no chroot is told as a new one. Takes its time.
std::vector<events::Event> configuration_events(const definition::Snapshot* former, const definition::Snapshot& now);

}  // namespace unionroot::daemon
