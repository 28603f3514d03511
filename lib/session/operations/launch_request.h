// From what a client asks for to a launch spec. Reads the session's tree; starts nothing.
#pragma once

#include "definition/definition.h"
#include "launch/spec.h"
#include "session/requests.h"

namespace unionroot::session {

// `root`: a descriptor of the session's root. Throws Error: no such user, bad arguments or environment.
launch::LaunchSpec launch_spec(const RunRequest& request, const definition::Definition& definition,
                               const store::SessionIdentity& session, int root, const std::string& run);

}  // namespace unionroot::session
