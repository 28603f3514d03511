// The host's users and groups, as the name services know them (nsswitch.conf(5)): they may come from LDAP, and so be in
// no file. The only source for authorization.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace unionroot::base {

struct Account {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string full_name = {}, home = {}, shell = {};
  std::string group = {};          // name of the primary group; empty: not known
  std::vector<gid_t> groups = {};  // getgrouplist(3)
};

// nullptr if there is none. Throws SystemError if the databases cannot be asked.
//
// By uid, what was found is remembered for two seconds, and no longer than /etc/passwd, /etc/group and nsswitch.conf
// stay as they are: each session asks several times, and each time costs some 60 us. What was not found is not
// remembered. Thread-safe.
std::shared_ptr<const Account> account_of(uid_t uid);
std::shared_ptr<const Account> account_of(const std::string& name);

// The number where the host knows no name. Thread-safe.
std::string group_name(gid_t gid);

// By name or by number; nullopt if the host has no such group. Thread-safe. Throw SystemError if the databases cannot
// be asked.
std::optional<std::string> find_group_name(gid_t gid);
std::optional<gid_t> group_id(const std::string& name);

}  // namespace unionroot::base
