// Rules in a tree by which its users become root: sudoers(5), doas.conf(5), and the PAM rules of su(1). Pure.
//
// Nothing here grants anything. The question is whether a user could gain by a set-uid program of the tree, so in doubt
// the answer is yes.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace unionroot::tree {

// Somebody as the tree's programs see them. sudo compares names without regard to case.
struct Person {
  std::vector<std::string> names;  // all that go with the uid
  uid_t uid = 0;
  // Whether a group of that name is one of theirs.
  std::function<bool(const std::string& group)> in_group;
  std::vector<gid_t> gids;
};

struct Include {
  std::string path;     // relative: to the folder of the file that includes it
  bool folder = false;  // every file in it whose name has no '.' and does not end with '~'
};

struct SudoRules {
  bool name_them = false;
  std::vector<Include> includes;
};

SudoRules read_sudoers(std::string_view text, const Person& person);

// sudo.conf(5): whether the rules may be elsewhere than in sudoers.
bool sudo_has_other_rules(std::string_view sudo_conf);

bool doas_names(std::string_view doas_conf, const Person& person);

// A file of pam.d(5) for su: whether it may let somebody be root without root's password.
bool su_needs_no_password(std::string_view pam_file);

}  // namespace unionroot::tree
