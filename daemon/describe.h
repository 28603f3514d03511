// Definitions and sessions as the dictionaries of Info and the listings.
#pragma once

#include <sdbus-c++/Types.h>

#include <map>
#include <string>

#include "daemon/operations.h"

namespace unionroot::daemon {

using Dictionary = std::map<std::string, sdbus::Variant>;

Dictionary describe_chroot(const definition::Definition& definition, bool source);  // all of Info
Dictionary describe_session(const session::SessionView& view);
Dictionary list_chroot(const definition::Definition& definition);  // what a listing needs
Dictionary list_session(const session::SessionView& view);

}  // namespace unionroot::daemon
