// The network of a session's own: network=none and network=private. It is kept by a bind beside the session's mount
// namespace (mount/host_view.h), and so outlives the daemon, until the session ends.
#pragma once

#include <functional>

#include "base/unique_fd.h"
#include "session/session.h"

namespace unionroot::session {

// Does nothing for a session that has none of its own, or has it already.
void make_network(Operation& operation);

// Idempotent.
void drop_network(Operation& operation);

// Empty for a session that has none of its own. Throws Error(failed) if it is not there.
base::UniqueFd open_network(const Services& services, const Session& session);

// Calls it with a thread that is in the session's network. One that has none of its own is in the host's.
void in_network_of(Operation& operation, const std::function<void()>& action);

}  // namespace unionroot::session
