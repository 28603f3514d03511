// Copies of what sessions show.
#pragma once

#include "session/parts.h"

namespace unionroot::session {

SessionView view_of(const Parts& parts, const Session& session);
// Fills in the size and use of the upper layer, where it has a file system of its own: one system call.
void measure(const SessionPtr& session, SessionView& view);

}  // namespace unionroot::session
