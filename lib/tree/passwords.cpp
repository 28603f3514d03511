#include "tree/passwords.h"

#include <algorithm>

namespace unionroot::tree {

namespace {

constexpr std::size_t password_field = 1;
constexpr std::string_view nothing_fits = "*";

bool has_shadow(Database database) { return database == Database::passwd || database == Database::group; }

bool points_to_shadow(Database database, std::string_view field) { return has_shadow(database) && field == "x"; }

// An empty password in the group files admits nobody: newgrp(1).
bool is_for_groups(Database database) { return database == Database::group || database == Database::gshadow; }

}  // namespace

bool is_locked(std::string_view field) {
  return !field.empty() && field.find_first_not_of("*!") == std::string_view::npos;
}

std::string without_passwords(const Table& table) {
  Edit edit(table);
  for (const auto& line : table.lines()) {
    if (!line.is_entry()) continue;
    const auto value = field(line.text, password_field);
    if (is_locked(value) || points_to_shadow(table.database(), value)) continue;
    edit.replace(line, with_field(line.text, password_field, nothing_fits));
  }
  return edit.text().value_or(table.text());
}

std::string password_of(std::string_view name, const Table* passwd, const Table* shadow) {
  std::string_view value;
  if (const Line* line = shadow != nullptr ? shadow->by_name(name) : nullptr)
    value = field(line->text, password_field);
  else if (const Line* own = passwd != nullptr ? passwd->by_name(name) : nullptr)
    value = field(own->text, password_field);
  return std::string(value.empty() || value == "x" ? nothing_fits : value);
}

std::string with_passwords(const Table& table, const PasswordRules& rules, std::vector<std::string>& locked) {
  const bool groups = is_for_groups(table.database());
  Edit edit(table);
  for (const auto& line : table.lines()) {
    if (!line.is_entry()) continue;
    const auto value = field(line.text, password_field);
    if (!groups && !rules.user.empty() && line.name == rules.user) {
      // If there is no shadow file, the password is not written at all: everybody can read passwd.
      const std::string_view in_passwd = rules.shadowed || value == "x" ? "x" : nothing_fits;
      edit.replace(line, with_field(line.text, password_field,
                                    has_shadow(table.database()) ? in_passwd : std::string_view(rules.password)));
      continue;
    }
    if (is_locked(value) || points_to_shadow(table.database(), value)) continue;
    if (!rules.lock && (!value.empty() || groups)) continue;
    edit.replace(line, with_field(line.text, password_field, nothing_fits));
    if (!groups || !value.empty()) locked.emplace_back(line.name);
  }
  return edit.text().value_or(table.text());
}

}  // namespace unionroot::tree
