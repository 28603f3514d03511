// Checks a session's owner against a definition's lists.
#pragma once

#include <sys/types.h>

#include "definition/definition.h"

namespace unionroot::session {

// True if the lists let this user be root inside. Asks the host's name services.
bool is_listed_for_root(uid_t user, const definition::AccessLists& lists);

}  // namespace unionroot::session
