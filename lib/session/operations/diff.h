// What the commands of a session have changed in its tree.
#pragma once

#include "session/parts.h"

namespace unionroot::session {

// Readable descriptors of the layers' roots, each on a mount of its own that is read-only.
struct OpenedLayers {
  base::UniqueFd upper, beginning;     // the latter is the record of the upper layer's beginning; -1: there is none
  std::vector<base::UniqueFd> former;  // upper layers that were frozen, between both; top first
  std::vector<base::UniqueFd> lowers;
};
// made: what the session is made of. Throws Error(not_supported) for a session without an upper layer.
OpenedLayers open_layers(Parts& parts, const Session& session, const SetUp& made);

// Starts the program that writes the list to the pipe. Throws Error(invalid_argument) if it is no pipe,
// Error(session_not_active), Error(not_supported) for a session without an upper layer.
void diff(Parts& parts, const SessionPtr& session, const DiffRequest& request);

}  // namespace unionroot::session
