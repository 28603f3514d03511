// New sessions that begin with everything that another has: they stand on its frozen layers.
#pragma once

#include <memory>
#include <vector>

#include "session/operations/begin.h"

namespace unionroot::session {

// operation: of the session that is cloned; its upper layer is frozen if that needs to be. The layers are held for the
// new ones when this returns.
std::vector<std::unique_ptr<Beginning>> prepare_clones(Parts& parts, Operation& operation, const CloneRequest& request);

// All of them, or none is left.
std::vector<SessionView> begin_clones(Parts& parts, std::vector<std::unique_ptr<Beginning>> begins);

}  // namespace unionroot::session
