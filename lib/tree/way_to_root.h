// How a user who is no root could become somebody else in a tree, by set-uid programs and by what its files say.
//
// Symbolic links in the tree lead nowhere but into it. What cannot be read counts as a way. Both functions throw
// nothing but std::bad_alloc; the text is for people: "etc/sudoers names 'ann'".
#pragma once

#include <optional>
#include <string>

#include "tree/user.h"

namespace unionroot::tree {

// By a rule of sudo, doas or su that names the user, one of the user's groups or the number. May ask the name service
// for groups that the tree does not have.
std::optional<std::string> rule_for(int root, const User& user);

// The same, and by the tree's accounts. A way is: a password of somebody else that may be known; another account with
// the user's number; a group that only the tree puts the user in; a file of accounts that others than root may change.
std::optional<std::string> way_to_root(int root, const User& user);

}  // namespace unionroot::tree
