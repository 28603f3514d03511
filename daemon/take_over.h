// Reads schroot's file of a session that this daemon is to take over.
#pragma once

#include <string>

#include "daemon/users.h"
#include "definition/registry.h"
#include "session/requests.h"

namespace unionroot::daemon {

// Throws base::Error if there is no such session, if it has no overlay, if its tree has changed, or if its owner does
// not exist.
session::TakeOverRequest take_over_request(const definition::Registry& registry, const UserDatabase& users,
                                           const std::string& session);

}  // namespace unionroot::daemon
