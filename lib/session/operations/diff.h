// What the commands of a session have changed in its tree.
#pragma once

#include "session/parts.h"

namespace unionroot::session {

// Starts the program that writes the list to the pipe. Throws Error(invalid_argument) if it is no pipe,
// Error(session_not_active), Error(not_supported) for a session without an upper layer.
void diff(Parts& parts, const SessionPtr& session, const DiffRequest& request);

}  // namespace unionroot::session
