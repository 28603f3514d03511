// What a session has is kept under a name, without copying: its upper layer is frozen and lies beneath a new one. And
// the way back. restack.h has how that is carried out.
#pragma once

#include "session/parts.h"

namespace unionroot::session {

// Of one session. More layers make every name that is looked up for the first time dearer.
inline constexpr std::size_t most_frozen = 60;

// For operations that freeze its upper layer, or need it frozen. Throws Error(session_not_active, session_busy,
// not_supported). doing: "take a snapshot of".
void require_freezable(const Operation& operation, const std::string& doing);

// See Sessions::snapshot.
std::string snapshot(Parts& parts, Operation& operation, const std::string& name, TellProgress progress);
// See Sessions::rollback.
void rollback(Parts& parts, Operation& operation, const std::string& name, TellProgress progress);
// See Sessions::snapshots.
std::vector<SnapshotView> snapshots(Parts& parts, const SessionPtr& session);

// Those of the session from this snapshot on, which comes first. Throws Error(invalid_argument) if there is none.
FrozenStack from_snapshot(const Operation& operation, const std::string& name);

}  // namespace unionroot::session
