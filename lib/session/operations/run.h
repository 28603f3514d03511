// Running a command in a session, and what happens when it has ended.
#pragma once

#include <string>

#include "session/parts.h"

namespace unionroot::session {

// An active session must stay as it is while a command is started, or its layers are opened. Who holds an active
// session alone has just begun it, or is about to end it: which of them is known soon. Throws Error(session_not_active
// or session_busy).
SharedOperation keep_active(const SessionPtr& session);

Started run(Parts& parts, const SessionPtr& session, const RunRequest& request);
// The same for the holder of the session.
Started run(Parts& parts, Operation& operation, const RunRequest& request);

// Its supervisor has ended, or stays with processes that its command has left.
void run_ended(Parts& parts, const std::string& run, const launch::RunEnd& end);

// As in sessions.h.
RunOutput output_of_run(const Parts& parts, const std::string& run, uid_t caller);
std::size_t signal_run(Parts& parts, const std::string& run, int number);

// A run that a former daemon started.
void adopt_run(Parts& parts, const store::RunRecord& record);

}  // namespace unionroot::session
