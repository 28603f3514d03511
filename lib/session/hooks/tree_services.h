// The services that a session has: programs of its own tree, listed by the key setup.services. They are started as the
// session begins and stopped as it ends, by the tree's invoke-rc.d or service.
#pragma once

#include <string>
#include <vector>

#include "session/stage.h"

namespace unionroot::session {

// In the order in which they are started. Of type=plain: none.
std::vector<std::string> services_of(const definition::Definition& definition);

// Throws Error(stage_failed, cancelled) naming the service that could not be started, and what it said.
void start_services(Operation& operation);

// In reverse. What goes wrong is a note: their processes are killed in any case.
void stop_services(Operation& operation) noexcept;

// Whatever they left. Throws Error(timed_out).
void kill_services(Operation& operation);

}  // namespace unionroot::session
