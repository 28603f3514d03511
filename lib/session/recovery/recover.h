// Setting up a session again from its upper layer: after a reboot, or when a set-up failed.
#pragma once

#include <functional>

#include "session/parts.h"

namespace unionroot::session {

// Nothing to do for an active one. Throws Error(session_not_active) unless it has failed or is to be recovered.
// accept_source: another source than the one that it began on is taken, by root's word.
void recover(Parts& parts, Operation& operation, const std::function<bool()>& cancelled = {},
             TellProgress progress = {}, bool accept_source = false);

}  // namespace unionroot::session
