// A session's upper layer is frozen, or thrown away, and a new one is laid on top of those that were frozen before.
//
// The plan (frozen_layers.h) lies beside the upper layer as the file `restack` from the moment when it is decided on.
// The session is then set up again, as after a restart: the union stage carries the plan out before it lays the
// overlay, since a mounted one cannot change. A daemon that dies on the way finds the session `recovering`, and the
// next one does the same.
#pragma once

#include <string>
#include <vector>

#include "session/frozen_layers.h"
#include "session/stage.h"

namespace unionroot::session {

// In the union stage of a session whose upper layer is a folder.
// Carries out what is planned, and puts the session's frozen layers on top of its lower ones. A layer is not frozen
// while something may still write to it through the former overlay: then the plan is dropped, and
// `operation->why_not_frozen` says why. Throws Error(stage_failed) if a layer is gone, or is not the one that was
// frozen.
void lay_frozen(Operation& operation);
// After a restart of the daemon. A list that is damaged is in the log.
void find_frozen(Operation& operation);
// Throws Error unless the list on the disk can be read, and is the one that is known.
void require_known_list(const Operation& operation);
// The session ends. Idempotent.
void release_frozen(const Operation& operation);
// The session could not be set up with a plan that freezes a layer. It gets its former upper layer and list again. Only
// while nothing of it is mounted.
void take_back(Operation& operation, const Restack& plan, const FrozenStack& before);

// By its files.
[[nodiscard]] FrozenLayers::User user_of(const Services& services, const Session& session, const std::string& layer);

// Top first; none if the session has none.
std::vector<std::string> frozen_folders(const Services& services, const Session& session);
std::vector<std::string> frozen_uppers(const Services& services, const Session& session);

}  // namespace unionroot::session
