// Private to archive: converts POSIX access control lists between the kernel's extended attribute and libarchive.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct archive_entry;

namespace unionroot::archive::detail {

struct AclEntry {
  // acl(5). The values are those of the kernel's ACL_USER_OBJ and so on.
  enum Tag : std::uint16_t { user_owner = 1, user = 2, group_owner = 4, group = 8, mask = 16, other = 32 };
  Tag tag = other;
  std::uint16_t permissions = 0;  // r=4 w=2 x=1
  std::uint32_t id = 0xffffffff;  // uid or gid, for the tags `user` and `group`
};

using Acl = std::vector<AclEntry>;  // empty: only the mode

extern const char* const access_attribute;   // system.posix_acl_access
extern const char* const default_attribute;  // system.posix_acl_default

// The value of the attribute, with the entries in the order that the kernel requires.
std::string acl_to_attribute(Acl acl);
// nullopt if the value is no access control list.
std::optional<Acl> acl_from_attribute(std::string_view value);

// An entry with a name and without a number is looked up among the machine's users and groups. Throws Error(failed)
// with the name if it is unknown.
Acl acl_of_entry(archive_entry* entry, bool default_acl);
void add_acl(archive_entry* entry, const Acl& acl, bool default_acl);

}  // namespace unionroot::archive::detail
