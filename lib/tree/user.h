// The user that a session is made for.
#pragma once

#include <optional>

#include "base/accounts.h"

namespace unionroot::tree {

using User = base::Account;

// Returns nullopt if there is no such user. Throws SystemError if the user databases cannot be read.
std::optional<User> find_user(uid_t uid);

}  // namespace unionroot::tree
