// Users and groups of the host: the only source for authorization.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace unionroot::daemon {

struct HostUser {
  uid_t uid = 0;
  std::string name;  // the uid in decimal if the database does not know it
  bool known = true;
  std::vector<gid_t> groups;  // including the primary group
};

// Thread-safe. Lookups may block (a directory service), so they are made on worker threads.
class UserDatabase {
 public:
  virtual ~UserDatabase() = default;
  // Does not fail for an unknown uid: such a caller is in no list, but an error can name it.
  [[nodiscard]] virtual HostUser by_uid(uid_t uid) const = 0;
  // By name or decimal uid; nullopt if there is no such user.
  [[nodiscard]] virtual std::optional<uid_t> uid_of(const std::string& name_or_uid) const = 0;
  [[nodiscard]] virtual std::optional<gid_t> gid_of(const std::string& group) const = 0;
};

std::unique_ptr<UserDatabase> host_users();

}  // namespace unionroot::daemon
