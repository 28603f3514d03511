// The services of a session: programs of its own tree, listed by the key setup.services. The tree's invoke-rc.d or
// service starts them when the session begins and stops them when it ends.
#pragma once

#include <string>
#include <vector>

#include "session/stage.h"

namespace unionroot::session {

// In the order of starting. Empty for type=plain.
std::vector<std::string> services_of(const definition::Definition& definition);

// Throws Error(stage_failed, cancelled). It names the service that did not start, and its output.
void start_services(Operation& operation);

// Stops the services in reverse order. Failures are logged as warnings, since kill_services kills the processes anyway.
void stop_services(Operation& operation) noexcept;

// Kills the processes that the services left. Throws Error(timed_out).
void kill_services(Operation& operation);

}  // namespace unionroot::session
