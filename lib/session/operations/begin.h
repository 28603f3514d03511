// How a session begins: record, locks, stages, active.
#pragma once

#include "session/parts.h"

namespace unionroot::session {

// Returns with the session still held, so that its first command can be started before anybody else reaches it.
Operation begin(Parts& parts, const BeginRequest& request);

}  // namespace unionroot::session
