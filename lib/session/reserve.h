// The space that is kept free for root on the file systems that sessions fill.
#pragma once

#include "session/parts.h"
#include "session/session.h"

namespace unionroot::session {

// Call this before anything of the session is made. Throws Error(no_space) if its owner is not root and its file
// systems have less free space than the settings keep for root. The error names the largest sessions there. May block
// on disks.
void require_room(const Parts& parts, const Session& session);

}  // namespace unionroot::session
