// What schroot's own file says of a session of its that is to become one of this daemon's.
#pragma once

#include <string>

#include "daemon/users.h"
#include "definition/registry.h"
#include "session/requests.h"

namespace unionroot::daemon {

// Throws base::Error: there is none, it has no overlay, its tree or its owner is not the same any more.
session::TakeOverRequest take_over_request(const definition::Registry& registry, const UserDatabase& users,
                                           const std::string& session);

}  // namespace unionroot::daemon
