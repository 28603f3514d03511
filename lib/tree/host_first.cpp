#include "tree/host_first.h"

#include <algorithm>

#include "base/text.h"

namespace unionroot::tree {

namespace {

using base::concat;
using base::printable;

constexpr std::size_t gid_field = 3;      // of passwd
constexpr std::size_t admins_field = 2;   // of gshadow
constexpr std::size_t members_field = 3;  // of group and gshadow

bool lists(std::string_view line, std::size_t number, std::string_view name) {
  const auto all = members(field(line, number));
  return std::find(all.begin(), all.end(), name) != all.end();
}

std::string without(std::string_view line, std::size_t number, std::string_view name) {
  std::string list;
  for (const auto member : members(field(line, number))) {
    if (member == name) continue;
    if (!list.empty()) list.push_back(',');
    list.append(member);
  }
  return with_field(line, number, list);
}

// The host's root: its first entry with the number 0.
const Line* root_of(const Table* table) { return table != nullptr ? table->by_id(0) : nullptr; }

// True if another entry has root's name or number, and none has both.
bool lacks_root(const Table& table, const std::string& root) {
  const auto& lines = table.lines();
  const bool there =
      std::any_of(lines.begin(), lines.end(), [&](const Line& line) { return line.name == root && line.id == 0; });
  return !there && (table.by_id(0) != nullptr || table.by_name(root) != nullptr);
}

std::string name_of_root(const Line* root) { return root != nullptr ? std::string(root->name) : "root"; }

}  // namespace

HostFirst::HostFirst(const MergeInput& input, const User* user) : user_(user) {
  const Line* const root = root_of(input.host[index_of(Database::passwd)].get());
  const auto gid = root != nullptr ? base::parse_unsigned(field(root->text, gid_field)) : std::nullopt;
  users_.push_back({name_of_root(root), 0, static_cast<gid_t>(gid.value_or(0))});
  groups_.push_back({name_of_root(root_of(input.host[index_of(Database::group)].get())), 0, 0});
  // A user with the host's root name but another number is not added: the session has one root.
  if (user == nullptr || user->uid == 0 || user->name == users_[0].name) return;
  users_.push_back({user->name, user->uid, user->gid});
  for (const auto& group : input.groups) groups_.push_back({group.name, group.gid, 0});
}

bool HostFirst::is_in_the_way(Database database, const Line& line, std::string_view& whose) const {
  const auto& all = database == Database::passwd ? users_ : groups_;
  if (std::any_of(all.begin(), all.end(), [&](const Entry& e) { return e.name == line.name && e.id == line.id; }))
    return false;
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Entry& e) { return e.name == line.name || e.id == line.id; });
  if (found == all.end()) return false;
  whose = found->name;
  return true;
}

std::string HostFirst::with_hosts_group(const Line& line) const {
  for (const auto& user : users_)
    if (user.name == line.name && user.id == line.id) return with_field(line.text, gid_field, std::to_string(user.gid));
  return std::string(line.text);
}

bool HostFirst::has_group(std::uint32_t gid) const {
  return user_->gid == gid || std::find(user_->groups.begin(), user_->groups.end(), gid) != user_->groups.end() ||
         std::any_of(groups_.begin() + 1, groups_.end(), [&](const Entry& group) { return group.id == gid; });
}

Tables HostFirst::clear(const Tables& tree, std::vector<std::string>& notes) const {
  Tables cleared = tree;
  const auto replace = [&](Database database, std::string text) {
    cleared[index_of(database)] = std::make_shared<const Table>(database, std::move(text));
  };
  if (const auto& table = tree[index_of(Database::passwd)]) replace(Database::passwd, users(*table, notes));
  if (const auto& table = tree[index_of(Database::group)]) replace(Database::group, groups(*table, notes));
  if (const auto& table = tree[index_of(Database::gshadow)])
    replace(Database::gshadow, group_passwords(*table, cleared[index_of(Database::group)].get()));
  return cleared;
}

std::string HostFirst::users(const Table& table, std::vector<std::string>& notes) const {
  Edit edit(table);
  for (const auto& line : table.lines()) {
    if (!line.is_entry()) continue;
    std::string_view whose;
    if (is_in_the_way(Database::passwd, line, whose)) {
      edit.remove(line);
      notes.push_back(concat("the tree's user '", printable(line.name), "' (", line.id,
                             ") was removed: it has the name or number of the host's '", printable(whose), "'"));
      continue;
    }
    auto text = with_hosts_group(line);
    if (text == line.text) continue;
    notes.push_back(concat("the tree's user '", printable(line.name), "' got the host's group ", field(text, gid_field),
                           " instead of ", printable(field(line.text, gid_field))));
    edit.replace(line, std::move(text));
  }
  if (lacks_root(table, users_[0].name))
    edit.append(concat(users_[0].name, ":x:0:", users_[0].gid, ":root:/root:/bin/sh"));
  return edit.text().value_or(table.text());
}

std::string HostFirst::groups(const Table& table, std::vector<std::string>& notes) const {
  Edit edit(table);
  for (const auto& line : table.lines()) {
    if (!line.is_entry()) continue;
    std::string_view whose;
    if (is_in_the_way(Database::group, line, whose)) {
      edit.remove(line);
      notes.push_back(concat("the tree's group '", printable(line.name), "' (", line.id,
                             ") was removed: it has the name or number of the host's '", printable(whose), "'"));
    } else if (user_ != nullptr && user_->uid != 0 && !has_group(line.id) &&
               lists(line.text, members_field, user_->name)) {
      edit.replace(line, without(line.text, members_field, user_->name));
      notes.push_back(concat("'", printable(user_->name), "' was removed from the tree's group '", printable(line.name),
                             "' (", line.id, "): the host does not list the user in it"));
    }
  }
  if (lacks_root(table, groups_[0].name)) edit.append(concat(groups_[0].name, ":x:0:"));
  return edit.text().value_or(table.text());
}

std::string HostFirst::group_passwords(const Table& table, const Table* groups) const {
  if (user_ == nullptr || user_->uid == 0) return table.text();
  Edit edit(table);
  for (const auto& line : table.lines()) {
    if (!line.is_entry()) continue;
    const Line* const group = groups != nullptr ? groups->by_name(line.name) : nullptr;
    const bool member = group != nullptr && has_group(group->id);
    std::string text(line.text);
    if (lists(text, admins_field, user_->name)) text = without(text, admins_field, user_->name);
    if (!member && lists(text, members_field, user_->name)) text = without(text, members_field, user_->name);
    edit.replace(line, std::move(text));
  }
  return edit.text().value_or(table.text());
}

}  // namespace unionroot::tree
