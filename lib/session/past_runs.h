// What is recorded and told about a run that has ended.
#pragma once

#include "launch/launcher.h"
#include "session/parts.h"

namespace unionroot::session {

// Adds it to the history, and tells the event. end: nullopt if the run ended with its session.
void tell_end(Parts& parts, const Session& session, const store::RunRecord& run,
              const std::optional<launch::RunEnd>& end);

}  // namespace unionroot::session
