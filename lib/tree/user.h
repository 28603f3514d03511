// The user that a session is made for.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace unionroot::tree {

// As getpwuid(3) knows them: they may come from LDAP, and so be in no file.
struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string full_name, home, shell;
  std::string group;  // name of the primary group; empty: not known
};

// nullopt if there is no such user. Throws SystemError if the databases cannot be asked.
std::optional<User> find_user(uid_t uid);

}  // namespace unionroot::tree
