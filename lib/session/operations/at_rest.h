// What changes the layers of a session needs it at rest: it is set up again for that.
#pragma once

#include <functional>
#include <string>

#include "session/parts.h"

namespace unionroot::session {

// Throws Error(session_not_active), Error(session_busy) naming the commands that run in it. doing: "reset".
void require_at_rest(const Session& session, const std::string& doing);

// In memory and in the store.
void set_state(Parts& parts, Operation& operation, store::SessionState state);

// Notes the session as one to be set up again. Then `write` writes down what is to be done before that, and the session
// is set up. If writing fails, `take_back` removes what was written, and the session is as it was. doing: "reset".
void set_up_anew(Parts& parts, Operation& operation, const std::string& doing, const std::function<void()>& write,
                 const std::function<void()>& take_back, TellProgress progress);

}  // namespace unionroot::session
