#include "daemon/users.h"

#include <algorithm>

#include "base/accounts.h"
#include "base/error.h"
#include "launch/spec.h"

namespace unionroot::daemon {

namespace {

class HostUsers final : public UserDatabase {
 public:
  [[nodiscard]] HostUser by_uid(uid_t uid) const override {
    try {
      launch::User found = launch::host_user(uid);
      HostUser user{uid, std::move(found.name), true, std::move(found.groups)};
      if (std::find(user.groups.begin(), user.groups.end(), found.gid) == user.groups.end()) {
        user.groups.push_back(found.gid);
      }
      return user;
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::no_such_user) throw;
      return HostUser{uid, std::to_string(uid), false, {}};
    }
  }

  [[nodiscard]] std::optional<uid_t> uid_of(const std::string& name_or_uid) const override {
    try {
      return launch::host_user(name_or_uid).uid;
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::no_such_user) throw;
      return std::nullopt;
    }
  }

  [[nodiscard]] std::optional<gid_t> gid_of(const std::string& group) const override { return base::group_id(group); }
};

}  // namespace

std::unique_ptr<UserDatabase> host_users() { return std::make_unique<HostUsers>(); }

}  // namespace unionroot::daemon
