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

struct MergeInput {
  Tables host;                                      // null: nothing to take from
  Tables tree;                                      // null: not to be touched; an empty table: the file is not there
  std::array<bool, all_databases.size()> listed{};  // take over all of the host's; else the user alone
  std::optional<User> user;                         // must be there afterwards
};

struct MergeOutput {
  std::array<std::optional<std::string>, all_databases.size()> text;  // nullopt: as it is
  std::vector<std::string> notes;                                     // conflicts
};

// The rules:
//  - A user or group is the same on both sides if name and id are. Those that the tree lacks are added.
//  - The same name with another id, or the same id with another name, is a conflict: the tree's stays, and a note says
//  so.
//  - A group that is the same on both sides gets the host's members, as far as those are the same users on both sides.
//  - shadow and gshadow follow: an entry is added for what is the same on both sides and has none; the entry of a
//    user who was not in passwd is the host's; every other one stays.
MergeOutput merge(const MergeInput& input);

}  // namespace unionroot::tree
