// A session's own network: network=none and network=private. A bind beside the session's mount namespace keeps it
// (mount/host_view.h). So it outlives the daemon, until the session ends.
#pragma once

#include <functional>

#include "base/unique_fd.h"
#include "session/session.h"

namespace unionroot::session {

// Does nothing if the session has no network of its own, or already has it.
void make_network(Operation& operation);

// Idempotent.
void drop_network(Operation& operation);

// Empty if the session has no network of its own. Throws Error(failed) if its network is missing.
base::UniqueFd open_network(const Services& services, const Session& session);

// Calls `action` on a thread in the session's network. A session without its own network uses the host's.
void in_network_of(Operation& operation, const std::function<void()>& action);

}  // namespace unionroot::session
