// The accounts that the host's name services list and its files may not have: of a directory service (LDAP).
#pragma once

#include <functional>
#include <string>

#include "tree/files.h"
#include "tree/name_service.h"

namespace unionroot::tree {

// Whether a session's accounts are what the name services list: passwd and group of nss=copy.
bool enumerates(const FilesRequest& request, Database database);

// What getent(1) prints of passwd or group. It is a process of its own: a name service may hang or crash, and its
// list is one for the whole process. Blocks for 20 seconds at most. Throws Error(timed_out), Error(cancelled),
// Error(failed), Error(not_supported).
std::string enumerate(Database database, const std::function<bool()>& cancelled);

// The file's text, and after it the entries of `listed` whose name it does not have. Pure.
std::string with_listed(const Table& file, const Table& listed);

}  // namespace unionroot::tree
