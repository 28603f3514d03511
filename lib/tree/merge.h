// Merges the host's users and groups into a tree's databases. Keeps what packages created inside. Pure.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tree/name_service.h"
#include "tree/user.h"

namespace unionroot::tree {

using Tables = std::array<std::shared_ptr<const Table>, all_databases.size()>;  // by index_of()

struct Group {
  std::string name;
  gid_t gid = 0;
};

struct MergeInput {
  Tables host;  // null: there is no host table
  Tables tree;  // null: must not be changed; an empty table: the file does not exist
  std::array<bool, all_databases.size()> listed{};  // copy all entries of the host; else only the user
  std::optional<User> user;                         // must be there afterwards
  std::vector<Group> groups;                        // the user's groups, as the host knows them
  bool all_groups = false;     // without `own`: the user's groups are added too, with the user as a member
  bool own = true;             // the tree belongs to the session: conflicting entries may be left out
  bool lock = false;           // with `own`: passwords inside are locked, except the user's
  std::string password = "*";  // the user's encrypted password; only with `own`
};

struct MergeOutput {
  std::array<std::optional<std::string>, all_databases.size()> text;  // nullopt: unchanged
  std::vector<std::string> notes;                                     // conflicts
};

// The rules:
//  - The host's tables have no passwords (passwords.h).
//  - In the session's own tree, the host's entry wins for root, the user and the user's groups, by name and by id
//    (host_first.h). The other rules apply to the remaining entries.
//  - A user or group is the same on both sides if its name and id are equal. Missing ones are added to the tree.
//  - The same name with another id is a conflict, and so is the same id with another name. The tree's entry stays, with
//    a note.
//  - A group that is the same on both sides gets the host's members, if these are the same users on both sides.
//  - In the session's own tree empty passwords are locked. With `lock` all passwords are locked. The user's password
//    becomes `password`, unless the user is root: nobody asks root for a password.
//  - shadow and gshadow follow: an account that is the same on both sides gets an entry if it has none. A user that is
//    new in passwd gets the host's entry. All other entries stay.
MergeOutput merge(const MergeInput& input);

}  // namespace unionroot::tree
