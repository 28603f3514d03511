// What a session is said to be: active, failed.
#pragma once

#include <string>

#include "session/parts.h"

namespace unionroot::session {

// True for automatic sessions with nothing to undo but their stages. After a crash they are ended unless their run is
// alive, so the store needs only the rows of the session and of its run.
[[nodiscard]] bool ends_with_its_run(const Session& session);

// How the stages of a set-up are journalled.
[[nodiscard]] Journal journal_of(const Operation& operation);

// The stages are set up: the session is active, in the store and for everybody.
void activate(Parts& parts, Operation& operation);

// It stays, and is listed as failed.
void mark_failed(Parts& parts, Operation& operation, const std::string& why);

}  // namespace unionroot::session
