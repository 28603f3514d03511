#include "session/owner_lists.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/accounts.h"

namespace unionroot::session {

bool is_listed_for_root(uid_t user, const definition::AccessLists& lists) {
  const auto has = [](const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  if (lists.root_users.empty() && lists.root_groups.empty()) return false;
  const auto account = base::account_of(user);
  if (!account) return false;
  return has(lists.root_users, account->name) ||
         std::any_of(account->groups.begin(), account->groups.end(),
                     [&](gid_t group) { return has(lists.root_groups, base::group_name(group)); });
}

}  // namespace unionroot::session
