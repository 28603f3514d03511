// The host's users and groups, as the name services know them (nsswitch.conf(5)). They may come from LDAP and be in no
// local file. This is the only source for authorization.
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
  std::string group = {};          // name of the primary group; empty if unknown
  std::vector<gid_t> groups = {};  // getgrouplist(3)
};

// Returns nullptr if there is no such user. Throws Error if the lookup fails: SystemError if the databases cannot be
// read. Thread-safe.
//
// The lookup by uid has a cache, because each session asks several times and a lookup costs about 60 us. An entry is
// valid for two seconds, and only while /etc/passwd, /etc/group and nsswitch.conf stay unchanged. A missing user is not
// cached.
std::shared_ptr<const Account> account_of(uid_t uid);
std::shared_ptr<const Account> account_of(const std::string& name);

// Returns the number as text if the host knows no name for it. Thread-safe.
std::string group_name(gid_t gid);

// Returns nullopt if the host has no such group. Throws SystemError if the databases cannot be read. Thread-safe.
std::optional<std::string> find_group_name(gid_t gid);
std::optional<gid_t> group_id(const std::string& name);

}  // namespace unionroot::base
