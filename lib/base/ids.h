// Identifiers.
#pragma once

#include <string>

namespace unionroot::base {

// A random (version 4) UUID in lower case, from getrandom(2).
std::string random_uuid();

// 8 random hexadecimal digits: for runs and temporary names inside one folder.
std::string random_token();

}  // namespace unionroot::base
