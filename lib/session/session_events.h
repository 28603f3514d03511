// The common part of all events of a session.
#pragma once

#include "events/event.h"
#include "session/session.h"

namespace unionroot::session {

[[nodiscard]] events::Event session_event(events::Kind kind, const Session& session);

}  // namespace unionroot::session
