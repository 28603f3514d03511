// What is kept free for root of the file systems that sessions fill.
#pragma once

#include "session/parts.h"
#include "session/session.h"

namespace unionroot::session {

// Before anything of the session is made. Throws Error(no_space) if its owner is not root, and its file systems have no
// more free than what the settings keep; it names the largest sessions there. May block on disks.
void require_room(const Parts& parts, const Session& session);

}  // namespace unionroot::session
