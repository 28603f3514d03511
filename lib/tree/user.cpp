#include "tree/user.h"

#include "base/accounts.h"

namespace unionroot::tree {

std::optional<User> find_user(uid_t uid) {
  const auto account = base::account_of(uid);
  return account ? std::optional<User>(*account) : std::nullopt;
}

}  // namespace unionroot::tree
