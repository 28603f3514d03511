// Accounts that the host's name service lists. Some are not in the host's files, such as those of a directory service
// (LDAP).
#pragma once

#include <functional>
#include <string>

#include "tree/files.h"
#include "tree/name_service.h"

namespace unionroot::tree {

// True if the session gets every account that the name service lists: passwd and group with nss=copy.
bool enumerates(const FilesRequest& request, Database database);

// Returns what getent(1) prints for passwd or group. getent runs as its own process: a name service may hang or crash,
// and the position in its list is global to the process. Blocks for 20 seconds at most. Throws Error(timed_out),
// Error(cancelled), Error(failed), Error(not_supported).
std::string enumerate(Database database, const std::function<bool()>& cancelled);

// Returns the file's text, followed by the entries of `listed` whose names the file does not have. Pure.
std::string with_listed(const Table& file, const Table& listed);

}  // namespace unionroot::tree
