// Changes of a session's state: active, failed.
#pragma once

#include <string>

#include "session/parts.h"

namespace unionroot::session {

// True for automatic sessions with nothing to undo but their stages. After a crash they are ended unless their run is
// alive, so the store needs only the rows of the session and of its run.
[[nodiscard]] bool ends_with_its_run(const Session& session);

// How to journal the stages of a set-up.
[[nodiscard]] Journal journal_of(const Operation& operation);

// Call this once the stages are set up. The session is then active, in the store and in memory.
void activate(Parts& parts, Operation& operation);

// The session stays and is listed as failed. Publishes the change.
void mark_failed(Parts& parts, Operation& operation, const std::string& why);

}  // namespace unionroot::session
