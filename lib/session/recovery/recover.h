// Sets up a session again from its upper layer, after a reboot or after a failed set-up.
#pragma once

#include <functional>

#include "session/parts.h"

namespace unionroot::session {

// Does nothing for an active session. Throws Error(session_not_active) unless the session has failed or is to be
// recovered. Throws Error if the set-up fails. accept_source: root allows another source than the one on which the
// session began.
void recover(Parts& parts, Operation& operation, const std::function<bool()>& cancelled = {},
             TellProgress progress = {}, bool accept_source = false);

}  // namespace unionroot::session
