// Commands, and what happens, as the dictionaries of History, WaitRun, ListRuns and Event.
#pragma once

#include <sdbus-c++/Types.h>

#include <map>
#include <string>

#include "session/requests.h"
#include "store/history.h"

namespace unionroot::daemon {

using Variants = std::map<std::string, sdbus::Variant>;  // an a{sv}

Variants describe_past_run(const store::PastRun& past);
Variants describe_event(const events::Event& event);
Variants describe_run(const session::SessionView& session, const session::RunView& run);

}  // namespace unionroot::daemon
