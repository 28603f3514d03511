#include "daemon/users.h"

#include <grp.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "launch/spec.h"

namespace unionroot::daemon {

namespace {

constexpr std::size_t largest_group_entry = std::size_t{4} << 20;

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

  [[nodiscard]] std::optional<gid_t> gid_of(const std::string& group) const override {
    std::vector<char> buffer(4096);
    while (true) {
      ::group entry{};
      ::group* found = nullptr;
      const int result = ::getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found);
      if (result == ERANGE && buffer.size() < largest_group_entry) {
        buffer.resize(buffer.size() * 4);
        continue;
      }
      if (result == EINTR) continue;
      if (found != nullptr) return entry.gr_gid;
      // getgrnam(3) lists what the various sources answer for "not there".
      if (result == 0 || result == ENOENT || result == ESRCH || result == EBADF || result == EPERM) return std::nullopt;
      throw base::SystemError(result, base::concat("looking up the group '", base::printable(group), "'"));
    }
  }
};

}  // namespace

std::unique_ptr<UserDatabase> host_users() { return std::make_unique<HostUsers>(); }

}  // namespace unionroot::daemon
