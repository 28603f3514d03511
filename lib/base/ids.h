// Identifiers.
#pragma once

#include <string>

namespace unionroot::base {

// A random (version 4) UUID in lower case, from getrandom(2).
std::string random_uuid();

// 8 characters out of 32 letters and digits that are hard to confuse, such as "k4m7xq2d". Used in session names.
std::string random_letters();

// 8 random hexadecimal digits, for runs and for temporary names inside one folder.
std::string random_token();

}  // namespace unionroot::base
