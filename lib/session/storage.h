// Where a session's data lies on the host.
#pragma once

#include <string>

#include "definition/definition.h"
#include "definition/settings.h"

namespace unionroot::session {

// <state>/sessions, or the definition's union-overlay-directory; each session has a folder of its id in it.
std::string sessions_folder(const definition::Settings& settings, const definition::Definition& definition);
// On the same file system, so that a rename suffices.
std::string trash_folder(const definition::Settings& settings, const definition::Definition& definition);
// <state>/orphans: upper layers without a record, never deleted by the daemon.
std::string orphans_folder(const definition::Settings& settings);

}  // namespace unionroot::session
