// Users and groups of the host, from getent(1). A static program must not load the modules of the name service: they
// belong to the installed C library, not to the linked one.
#pragma once

#include <sys/types.h>

#include <string>

namespace unionroot::cli {

// Throw Error if getent fails.
bool host_has_user(const std::string& name);
bool host_has_group(const std::string& name);
// The uid in decimal if there is no such user.
std::string host_user_name(uid_t uid);

}  // namespace unionroot::cli
