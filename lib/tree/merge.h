// The host's users and groups put into a tree's databases, without taking away what packages made inside. Pure.
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
  Tables host;                                      // null: nothing to take from
  Tables tree;                                      // null: not to be touched; an empty table: the file is not there
  std::array<bool, all_databases.size()> listed{};  // take over all of the host's; else the user alone
  std::optional<User> user;                         // must be there afterwards
  std::vector<Group> groups;                        // of the user, as the host knows them
  bool all_groups = false;     // without `own`: the user's groups are added, too, each with the user as a member
  bool own = true;             // the tree is the session's own: what is in the way of the host's may be left out
  bool lock = false;           // with `own`: no password inside is one, but the user's
  std::string password = "*";  // the user's, encrypted; with `own` alone
};

struct MergeOutput {
  std::array<std::optional<std::string>, all_databases.size()> text;  // nullopt: as it is
  std::vector<std::string> notes;                                     // conflicts
};

// The rules:
//  - The host's tables have no passwords (passwords.h).
//  - For root, the user and the user's groups the host's entry wins, by name and by id (host_first.h), where the tree
//  is
//    the session's own. The other rules are for what is left.
//  - A user or group is the same on both sides if name and id are. Those that the tree lacks are added.
//  - The same name with another id, or the same id with another name, is a conflict: the tree's stays, and a note says
//  so.
//  - A group that is the same on both sides gets the host's members, as far as those are the same users on both sides.
//  - Where the tree is the session's own, empty passwords are locked, with `lock` all but the user's, which is
//    `password`. Root's as the user is the tree's: it is asked for by nobody.
//  - shadow and gshadow follow: an entry is added for what is the same on both sides and has none; the entry of a
//    user who was not in passwd is the host's; every other one stays.
MergeOutput merge(const MergeInput& input);

}  // namespace unionroot::tree
