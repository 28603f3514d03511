// Users and groups of the host, asked of getent(1). A wholly static program must not load the modules of the name
// service: they belong to the C library that is installed, and not to the one inside.
#pragma once

#include <sys/types.h>

#include <string>

namespace unionroot::cli {

// Throw Error if that cannot be asked.
bool host_has_user(const std::string& name);
bool host_has_group(const std::string& name);
// The number in decimal if there is none.
std::string host_user_name(uid_t uid);

}  // namespace unionroot::cli
