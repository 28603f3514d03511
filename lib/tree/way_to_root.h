// How a user other than root could become another user in a tree, through set-uid programs and the tree's files.
//
// Symlinks in the tree are resolved inside it. A file that cannot be read counts as a way. Both functions throw nothing
// but std::bad_alloc. The returned text is for people: "etc/sudoers names 'ann'".
#pragma once

#include <optional>
#include <string>

#include "tree/user.h"

namespace unionroot::tree {

// Finds a rule of sudo, doas or su that names the user, one of its groups, or its number. May ask the name service for
// groups that the tree does not have.
std::optional<std::string> rule_for(int root, const User& user);

// As rule_for, but also checks the tree's accounts. These count as a way: another account's password that may be known;
// another account with the user's number; a group membership that only the tree has; an account file that others than
// root may change.
std::optional<std::string> way_to_root(int root, const User& user);

}  // namespace unionroot::tree
