// The history record of a run.
#pragma once

#include "launch/launcher.h"
#include "session/session.h"
#include "store/history.h"

namespace unionroot::session {

// end: nullopt if the run ended with its session.
store::PastRun past_run(const Session& session, const store::RunRecord& run, const std::optional<launch::RunEnd>& end);

}  // namespace unionroot::session
