// The user that a session is made for.
#pragma once

#include <optional>

#include "base/accounts.h"

namespace unionroot::tree {

using User = base::Account;

// nullopt if there is no such user. Throws SystemError if the databases cannot be asked.
std::optional<User> find_user(uid_t uid);

}  // namespace unionroot::tree
