#include "archive/acl.h"

#include <archive.h>
#include <archive_entry.h>
#include <endian.h>
#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::archive::detail {

const char* const access_attribute = "system.posix_acl_access";
const char* const default_attribute = "system.posix_acl_default";

namespace {

using base::concat;
using base::Error;
using base::ErrorCode;

// linux/posix_acl_xattr.h: a version, then eight bytes for each entry, all little-endian.
constexpr std::uint32_t attribute_version = 2;

template <typename Integer>
void append(std::string& out, Integer number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof bytes);
}

template <typename Integer>
Integer take(std::string_view& value) {
  Integer number;
  std::memcpy(&number, value.data(), sizeof number);
  value.remove_prefix(sizeof number);
  return number;
}

template <typename Record, typename Lookup>
const Record* look_up(const char* name, Record& record, std::string& buffer, const Lookup& lookup) {
  Record* found = nullptr;
  buffer.resize(1024);
  while (lookup(name, &record, buffer.data(), buffer.size(), &found) == ERANGE) buffer.resize(buffer.size() * 2);
  return found;
}

std::uint32_t id_of(const char* name, bool group) {
  std::string buffer;
  // GNU tar --numeric-owner writes the number in place of the name.
  if (const auto number = base::parse_unsigned(name); number && *number < 0xffffffff)
    return static_cast<std::uint32_t>(*number);
  if (group) {
    ::group record{};
    if (const auto* found = look_up(name, record, buffer, ::getgrnam_r)) return found->gr_gid;
  } else {
    passwd record{};
    if (const auto* found = look_up(name, record, buffer, ::getpwnam_r)) return found->pw_uid;
  }
  throw Error(ErrorCode::failed,
              concat("its access control list names the ", group ? "group" : "user", " '", base::printable(name),
                     "', which this machine does not have"),
              "make the archive with numeric owners: tar --numeric-owner");
}

struct TagPair {
  AclEntry::Tag ours;
  int theirs;
};
constexpr TagPair tags[] = {{AclEntry::user_owner, ARCHIVE_ENTRY_ACL_USER_OBJ},
                            {AclEntry::user, ARCHIVE_ENTRY_ACL_USER},
                            {AclEntry::group_owner, ARCHIVE_ENTRY_ACL_GROUP_OBJ},
                            {AclEntry::group, ARCHIVE_ENTRY_ACL_GROUP},
                            {AclEntry::mask, ARCHIVE_ENTRY_ACL_MASK},
                            {AclEntry::other, ARCHIVE_ENTRY_ACL_OTHER}};

bool is_named(AclEntry::Tag tag) { return tag == AclEntry::user || tag == AclEntry::group; }

}  // namespace

std::string acl_to_attribute(Acl acl) {
  std::sort(acl.begin(), acl.end(),
            [](const auto& a, const auto& b) { return std::tie(a.tag, a.id) < std::tie(b.tag, b.id); });
  std::string value;
  append(value, htole32(attribute_version));
  for (const auto& entry : acl) {
    append(value, htole16(entry.tag));
    append(value, htole16(entry.permissions));
    append(value, htole32(is_named(entry.tag) ? entry.id : 0xffffffffU));
  }
  return value;
}

std::optional<Acl> acl_from_attribute(std::string_view value) {
  if (value.size() < 4 || (value.size() - 4) % 8 != 0) return std::nullopt;
  if (le32toh(take<std::uint32_t>(value)) != attribute_version) return std::nullopt;
  Acl acl;
  while (!value.empty()) {
    AclEntry entry;
    entry.tag = static_cast<AclEntry::Tag>(le16toh(take<std::uint16_t>(value)));
    entry.permissions = le16toh(take<std::uint16_t>(value));
    entry.id = le32toh(take<std::uint32_t>(value));
    acl.push_back(entry);
  }
  return acl;
}

Acl acl_of_entry(archive_entry* entry, bool default_acl) {
  const int kind = default_acl ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT : ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
  Acl acl;
  if (::archive_entry_acl_reset(entry, kind) == 0) return acl;  // only the mode
  int type = 0, permissions = 0, tag = 0, id = 0;
  const char* name = nullptr;
  while (::archive_entry_acl_next(entry, kind, &type, &permissions, &tag, &id, &name) == ARCHIVE_OK) {
    const auto* const pair =
        std::find_if(std::begin(tags), std::end(tags), [&](const auto& known) { return known.theirs == tag; });
    if (pair == std::end(tags)) throw Error(ErrorCode::failed, "its access control list is not a POSIX one");
    AclEntry made;
    made.tag = pair->ours;
    made.permissions = static_cast<std::uint16_t>(permissions & 7);
    if (is_named(made.tag))
      made.id =
          id >= 0 ? static_cast<std::uint32_t>(id) : id_of(name == nullptr ? "" : name, made.tag == AclEntry::group);
    acl.push_back(made);
  }
  return acl;
}

void add_acl(archive_entry* entry, const Acl& acl, bool default_acl) {
  const int kind = default_acl ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT : ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
  for (const auto& one : acl) {
    const auto* const pair =
        std::find_if(std::begin(tags), std::end(tags), [&](const auto& known) { return known.ours == one.tag; });
    if (pair == std::end(tags))
      throw Error(ErrorCode::failed, "its access control list has an entry of an unknown kind");
    // The name is the number too, so that every reader finds it.
    const std::string name = is_named(one.tag) ? std::to_string(one.id) : std::string();
    if (::archive_entry_acl_add_entry(entry, kind, one.permissions, pair->theirs,
                                      is_named(one.tag) ? static_cast<int>(one.id) : -1, name.c_str()) != ARCHIVE_OK)
      throw Error(ErrorCode::failed, "its access control list cannot be put into an archive");
  }
}

}  // namespace unionroot::archive::detail
