// Password fields of the name service databases. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tree/name_service.h"

namespace unionroot::tree {

// A field that no password fits: "*", "!", "!!".
bool is_locked(std::string_view field);

// The table's text without any password: a field that is not locked, and does not point to shadow, becomes "*".
std::string without_passwords(const Table& table);

// The password field of an entry of shadow, else of passwd; "*" if there is none.
std::string password_of(std::string_view name, const Table* passwd, const Table* shadow);

struct PasswordRules {
  std::string user;      // whose password is `password`; empty: nobody's
  std::string password;  // encrypted
  bool shadowed = true;  // it is in shadow; else there is no shadow to put it into
  bool lock = false;     // those of all others; else the empty ones alone
};

// The text with its passwords by these rules. `locked`: names of those whose password was one and is none any more.
std::string with_passwords(const Table& table, const PasswordRules& rules, std::vector<std::string>& locked);

}  // namespace unionroot::tree
