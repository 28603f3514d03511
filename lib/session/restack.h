// A session's upper layer is frozen, or thrown away, and a new one is laid on top of those that were frozen before.
//
// The plan (frozen_layers.h) lies beside the upper layer as the file `restack` from the moment when it is decided on.
// The session is then set up again, as after a restart: the union stage carries the plan out before it lays the
// overlay, since a mounted one cannot change. A daemon that dies on the way finds the session `recovering`, and the
// next one does the same.
#pragma once

#include <string>
#include <vector>

#include "session/stage.h"

namespace unionroot::session {

// In the union stage of a session whose upper layer is a folder.
// Carries out what is planned, and puts the session's frozen layers on top of its lower ones. Throws
// Error(stage_failed) if one is gone, or is not the one that was frozen.
void lay_frozen(Operation& operation);
// After a restart of the daemon.
void find_frozen(Operation& operation);
// The session ends. Idempotent.
void release_frozen(const Operation& operation);

// By its files. What cannot be read may say so.
[[nodiscard]] bool may_stand_on(const Services& services, const Session& session, const std::string& layer);

// Top first; none if the session has none.
std::vector<std::string> frozen_folders(const Services& services, const Session& session);
std::vector<std::string> frozen_uppers(const Services& services, const Session& session);

}  // namespace unionroot::session
