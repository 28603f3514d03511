#include "tree/user.h"

#include "base/accounts.h"

namespace unionroot::tree {

std::optional<User> find_user(uid_t uid) {
  const auto account = base::account_of(uid);
  if (!account) return std::nullopt;
  return User{account->name, account->uid, account->gid, account->full_name, account->home, account->shell, account->group};
}

}  // namespace unionroot::tree
