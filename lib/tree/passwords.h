// Password fields of the name service databases. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tree/name_service.h"

namespace unionroot::tree {

// A field that no password matches: "*", "!", "!!".
bool is_locked(std::string_view field);

// The table's text with each password replaced by "*". Locked fields and references to shadow stay.
std::string without_passwords(const Table& table);

// The password field of the user's entry in shadow, else in passwd; "*" if there is none.
std::string password_of(std::string_view name, const Table* passwd, const Table* shadow);

struct PasswordRules {
  std::string user;      // the user who gets `password`; empty: nobody
  std::string password;  // encrypted
  bool shadowed = true;  // false: there is no shadow file that could hold it
  bool lock = false;     // lock the passwords of all others; else only empty ones
};

// Applies the rules to the table. `locked`: names of the accounts whose passwords were locked.
std::string with_passwords(const Table& table, const PasswordRules& rules, std::vector<std::string>& locked);

}  // namespace unionroot::tree
