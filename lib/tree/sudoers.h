// Rules in a tree that let its users become root: sudoers(5), doas.conf(5), and the PAM rules of su(1). Pure.
//
// This code grants nothing. It answers whether a user could gain rights through a set-uid program of the tree. In doubt
// the answer is yes.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace unionroot::tree {

// A user as the tree's programs see it. sudo ignores case in names.
struct Person {
  std::vector<std::string> names;  // all names with this uid
  uid_t uid = 0;
  std::function<bool(const std::string& group)> in_group;
  std::vector<gid_t> gids;
};

struct Include {
  std::string path;     // if relative: to the folder of the including file
  bool folder = false;  // include every file in it whose name has no '.' and does not end with '~'
};

struct SudoRules {
  bool name_them = false;
  std::vector<Include> includes;
};

SudoRules read_sudoers(std::string_view text, const Person& person);

// sudo.conf(5): true if rules may come from a place other than sudoers.
bool sudo_has_other_rules(std::string_view sudo_conf);

bool doas_names(std::string_view doas_conf, const Person& person);

// pam_file: a file of pam.d(5) for su. True if it may let somebody become root without root's password.
bool su_needs_no_password(std::string_view pam_file);

}  // namespace unionroot::tree
