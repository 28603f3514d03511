#include "tree/merge.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "tree/host_first.h"
#include "tree/passwords.h"

namespace unionroot::tree {

namespace {

constexpr std::size_t password_field = 1;
constexpr std::size_t gshadow_admins_field = 2;
constexpr std::size_t members_field = 3;  // of group and of gshadow

using Names = std::unordered_set<std::string_view>;

bool contains(const std::vector<std::string_view>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// Keeps only members that are the same users on both sides.
std::string only(std::string_view list, const Names& users) {
  std::string out;
  for (const auto member : members(list)) {
    if (!users.contains(member)) continue;
    if (!out.empty()) out.push_back(',');
    out.append(member);
  }
  return out;
}

std::string with_members(std::string_view line, const std::vector<std::string_view>& wanted) {
  std::string list(field(line, members_field));
  for (const auto member : wanted) {
    if (contains(members(list), member)) continue;
    if (!list.empty() && list.back() != ',') list.push_back(',');
    list.append(member);
  }
  return with_field(line, members_field, list);
}

// The names and ids of a database: the tree's entries, and those added so far.
class Accounts {
 public:
  Accounts(const Table* table, std::string_view kind, std::vector<std::string>& notes)
      : table_(table), kind_(kind), notes_(notes) {}

  enum class Result { same, added, conflict };

  // Reserves a name and an id. Notes a conflict. The memory of `name` must outlive this object.
  Result claim(std::string_view name, std::uint32_t id) {
    if (const auto found = id_of(name)) {
      if (*found == id) return Result::same;
      note(name, id, base::concat("inside, that name has the id ", *found));
      return Result::conflict;
    }
    if (const auto other = name_of_id(id)) {
      note(name, id, base::concat("inside, that id belongs to '", base::printable(*other), "'"));
      return Result::conflict;
    }
    names_.emplace(name, id);
    ids_.emplace(id, name);
    return Result::added;
  }

  [[nodiscard]] std::optional<std::uint32_t> id_of(std::string_view name) const {
    if (const Line* line = table_ != nullptr ? table_->by_name(name) : nullptr) return line->id;
    const auto added = names_.find(name);
    if (added == names_.end()) return std::nullopt;
    return added->second;
  }

  [[nodiscard]] std::optional<std::string_view> name_of_id(std::uint32_t id) const {
    if (const Line* line = table_ != nullptr ? table_->by_id(id) : nullptr) return line->name;
    const auto added = ids_.find(id);
    if (added == ids_.end()) return std::nullopt;
    return added->second;
  }

 private:
  void note(std::string_view name, std::uint32_t id, const std::string& why) {
    notes_.push_back(base::concat("the host's ", kind_, " '", base::printable(name), "' (", id,
                                  ") was not added: ", why, "; the tree's entry was kept"));
  }

  const Table* table_;
  std::string_view kind_;
  std::vector<std::string>& notes_;
  std::unordered_map<std::string_view, std::uint32_t> names_;
  std::unordered_map<std::uint32_t, std::string_view> ids_;
};

bool fits_in_field(std::string_view value) { return value.find_first_of(std::string_view(":\n\0", 3)) == value.npos; }

class Merge {
 public:
  // first: null if the tree's entries always stay. user: null if there is none.
  Merge(const MergeInput& input, const User* user, const HostFirst* first)
      : input_(input),
        first_(first),
        user_(user),
        users_(tree(Database::passwd), "user", output_.notes),
        groups_(tree(Database::group), "group", output_.notes) {
    for (const Database database : all_databases)
      if (tree(database) != nullptr) edits_[index_of(database)].emplace(*tree(database));
  }

  MergeOutput run() {
    find_same(Database::passwd, users_, same_users_, added_users_);
    add_user();
    find_same(Database::group, groups_, same_groups_, added_groups_);
    merge_members();
    add_users_groups();
    merge_shadow();
    merge_gshadow();
    for (const Database database : all_databases)
      if (auto& edit = edits_[index_of(database)]) output_.text[index_of(database)] = edit->text();
    return std::move(output_);
  }

 private:
  [[nodiscard]] const Table* host(Database database) const { return input_.host[index_of(database)].get(); }
  [[nodiscard]] const Table* tree(Database database) const { return input_.tree[index_of(database)].get(); }
  [[nodiscard]] bool listed(Database database) const { return input_.listed[index_of(database)]; }
  [[nodiscard]] Edit& edit(Database database) { return *edits_[index_of(database)]; }

  // Compares the host's users or groups with the tree's. If the database is not listed or must not be changed, nothing
  // is added. The names that are the same on both sides are still needed, for the members of groups.
  void find_same(Database database, Accounts& accounts, Names& same, Names& added) {
    if (host(database) == nullptr) return;
    const bool adding = listed(database) && tree(database) != nullptr;
    for (const auto& line : host(database)->lines()) {
      // A look-up never finds a second entry with the same name.
      if (!line.is_entry() || host(database)->by_name(line.name) != &line) continue;
      if (adding && is_in_the_way(database, line)) continue;
      if (!adding) {
        if (accounts.id_of(line.name) == line.id) same.insert(line.name);
        continue;
      }
      const auto result = accounts.claim(line.name, line.id);
      if (result == Accounts::Result::conflict) continue;
      same.insert(line.name);
      if (result == Accounts::Result::same) continue;
      added.insert(line.name);
      if (database == Database::passwd)
        edit(database).append(first_ != nullptr ? first_->with_hosts_group(line) : std::string(line.text));
    }
  }

  // True if the line conflicts with another entry of the host that wins. Adds a note.
  bool is_in_the_way(Database database, const Line& line) {
    std::string_view whose;
    if (first_ == nullptr || !first_->is_in_the_way(database, line, whose)) return false;
    output_.notes.push_back(
        base::concat("the host's ", database == Database::passwd ? "user '" : "group '", base::printable(line.name),
                     "' (", line.id, ") was not added: it has the name or number of '", base::printable(whose), "'"));
    return true;
  }

  void add_user() {
    if (user_ == nullptr || tree(Database::passwd) == nullptr) return;
    // The conflict was already noted among the host's users.
    if (listed(Database::passwd) && host(Database::passwd) != nullptr) {
      const Line* const line = host(Database::passwd)->by_name(user_->name);
      if (line != nullptr && line->id == user_->uid && !same_users_.contains(user_->name)) return;
    }
    const auto result = users_.claim(user_->name, user_->uid);
    if (result == Accounts::Result::conflict) return;
    same_users_.insert(user_->name);
    if (result == Accounts::Result::same) return;
    added_users_.insert(user_->name);
    edit(Database::passwd)
        .append(base::concat(user_->name, ":x:", user_->uid, ":", user_->gid, ":", user_->full_name, ":", user_->home,
                             ":", user_->shell));
  }

  void merge_members() {
    if (host(Database::group) == nullptr || tree(Database::group) == nullptr || !listed(Database::group)) return;
    for (const auto& line : host(Database::group)->lines()) {
      if (!same_groups_.contains(line.name) || host(Database::group)->by_name(line.name) != &line) continue;
      const std::string_view list = field(line.text, members_field);
      if (added_groups_.contains(line.name)) {
        edit(Database::group).append(with_field(line.text, members_field, only(list, same_users_)));
        continue;
      }
      const Line& inside = *tree(Database::group)->by_name(line.name);
      const auto there = members(field(inside.text, members_field));
      std::vector<std::string_view> wanted;
      for (const auto member : members(list))
        if (same_users_.contains(member) && !contains(there, member)) wanted.push_back(member);
      if (wanted.empty()) continue;
      edit(Database::group).replace(inside, with_members(inside.text, wanted));
      new_members_.emplace(line.name, std::move(wanted));
    }
  }

  void add_users_groups() {
    add_primary_group();
    if (user_ == nullptr || tree(Database::group) == nullptr) return;
    if (first_ == nullptr && !(input_.all_groups && same_users_.contains(user_->name))) return;
    for (const auto& group : input_.groups) {
      if (!fits_in_field(group.name) || group.name.empty()) continue;
      const auto result = groups_.claim(group.name, group.gid);
      const std::string member = group.gid == user_->gid ? "" : user_->name;
      if (result == Accounts::Result::added)
        edit(Database::group).append(base::concat(group.name, ":x:", group.gid, ":", member));
      else if (result == Accounts::Result::same && input_.all_groups && !member.empty())
        add_member(group.name, member);
    }
  }

  void add_member(const std::string& group, std::string_view member) {
    const Line* const inside = tree(Database::group)->by_name(group);
    if (inside == nullptr || contains(members(field(inside->text, members_field)), member)) return;
    edit(Database::group).replace(*inside, with_members(inside->text, {member}));
  }

  void add_primary_group() {
    if (user_ == nullptr || tree(Database::group) == nullptr || user_->group.empty()) return;
    // If the gid has a name inside, that is enough. If the host lists the group, a conflict was noted already.
    if (groups_.name_of_id(user_->gid)) return;
    if (groups_.claim(user_->group, user_->gid) != Accounts::Result::added) return;
    edit(Database::group).append(base::concat(user_->group, ":x:", user_->gid, ":"));
  }

  void merge_shadow() {
    if (tree(Database::shadow) == nullptr) return;
    if (host(Database::shadow) != nullptr && listed(Database::shadow)) {
      for (const auto& line : host(Database::shadow)->lines())
        if (line.is_entry() && same_users_.contains(line.name) && host(Database::shadow)->by_name(line.name) == &line)
          put_shadow(line.name, std::string(line.text));
    }
    if (user_ == nullptr || !same_users_.contains(user_->name)) return;
    const bool done = listed(Database::shadow) && host(Database::shadow) != nullptr &&
                      host(Database::shadow)->by_name(user_->name) != nullptr;
    // A user whose password is checked elsewhere (LDAP) has no entry on the host. Without an entry inside, su(1)
    // refuses the account.
    const Line* const inside =
        tree(Database::passwd) != nullptr ? tree(Database::passwd)->by_name(user_->name) : nullptr;
    const bool shadowed = first_ != nullptr || inside == nullptr || field(inside->text, password_field) == "x";
    if (!done && shadowed) put_shadow(user_->name, shadow_entry_of_user());
  }

  [[nodiscard]] std::string shadow_entry_of_user() const {
    if (const Table* const table = host(Database::shadow))
      if (const Line* const line = table->by_name(user_->name)) return std::string(line->text);
    return user_->name + ":*:::::::";
  }

  void put_shadow(std::string_view name, std::string text) {
    const Line* const inside = tree(Database::shadow)->by_name(name);
    if (inside == nullptr)
      edit(Database::shadow).append(std::move(text));
    else if (added_users_.contains(name))  // it belonged to a removed user, whose password must not be reused
      edit(Database::shadow).replace(*inside, std::move(text));
  }

  void merge_gshadow() {
    if (host(Database::gshadow) == nullptr || tree(Database::gshadow) == nullptr || !listed(Database::gshadow)) return;
    for (const auto& line : host(Database::gshadow)->lines()) {
      if (!line.is_entry() || !same_groups_.contains(line.name)) continue;
      if (host(Database::gshadow)->by_name(line.name) != &line) continue;
      const Line* const inside = tree(Database::gshadow)->by_name(line.name);
      if (inside != nullptr && !added_groups_.contains(line.name)) {
        const auto wanted = new_members_.find(line.name);
        if (wanted != new_members_.end())
          edit(Database::gshadow).replace(*inside, with_members(inside->text, wanted->second));
        continue;
      }
      std::string text = with_field(line.text, members_field, only(field(line.text, members_field), same_users_));
      text = with_field(text, gshadow_admins_field, only(field(line.text, gshadow_admins_field), same_users_));
      if (inside == nullptr)
        edit(Database::gshadow).append(std::move(text));
      else
        edit(Database::gshadow).replace(*inside, std::move(text));
    }
  }

  const MergeInput& input_;
  const HostFirst* first_;
  const User* user_;
  MergeOutput output_;
  Accounts users_, groups_;
  std::array<std::optional<Edit>, all_databases.size()> edits_;
  Names same_users_, added_users_, same_groups_, added_groups_;
  std::unordered_map<std::string_view, std::vector<std::string_view>> new_members_;
};

const User* usable(const User& user, std::vector<std::string>& notes) {
  for (const auto* part : {&user.name, &user.full_name, &user.home, &user.shell, &user.group})
    if (!fits_in_field(*part) || user.name.empty() || user.name.find_first_of("#+-") == 0) {
      notes.push_back(base::concat("the user '", base::printable(user.name), "' (", user.uid,
                                   ") was not added: the entry cannot be written as a line of passwd"));
      return nullptr;
    }
  return &user;
}

void set_passwords(MergeOutput& output, const MergeInput& input, const User* user, std::vector<std::string>& notes) {
  PasswordRules rules{"", input.password, input.tree[index_of(Database::shadow)] != nullptr, input.lock};
  if (user != nullptr && user->uid != 0) rules.user = user->name;
  for (const Database database : all_databases) {
    auto& text = output.text[index_of(database)];
    if (!text) continue;
    std::vector<std::string> locked;
    text = with_passwords(Table(database, *text), rules, locked);
    if (locked.empty()) continue;
    const bool several = locked.size() > 1;
    for (auto& name : locked) name = base::concat("'", base::printable(name), "'");
    notes.push_back(base::concat("etc/", name_of(database), several ? ": the passwords of " : ": the password of ",
                                 base::join(locked, ", "), several ? " were locked: " : " was locked: ",
                                 input.lock ? "the session's owner must not become root"
                                 : several  ? "they were empty"
                                            : "it was empty"));
  }
}

// Removes the user's groups that the host's files list but its name service does not confirm.
void clear_again(MergeOutput& output, const HostFirst& first, const Tables& before) {
  Tables merged;
  for (const Database database : all_databases) {
    const std::size_t i = index_of(database);
    if (before[i]) merged[i] = output.text[i] ? std::make_shared<const Table>(database, *output.text[i]) : before[i];
  }
  std::vector<std::string> known;
  const Tables cleared = first.clear(merged, known);
  for (std::size_t i = 0; i < cleared.size(); ++i)
    if (cleared[i]) output.text[i] = cleared[i]->text();
}

}  // namespace

MergeOutput merge(const MergeInput& input) {
  std::vector<std::string> notes;
  const User* const user = input.user ? usable(*input.user, notes) : nullptr;
  MergeOutput output;
  if (input.own) {
    const HostFirst first(input, user);
    MergeInput cleared = input;
    cleared.tree = first.clear(input.tree, notes);
    output = Merge(cleared, user, &first).run();
    clear_again(output, first, cleared.tree);
    set_passwords(output, input, user, notes);
    for (std::size_t i = 0; i < output.text.size(); ++i)
      if (input.tree[i] && output.text[i] == input.tree[i]->text()) output.text[i].reset();
  } else {
    output = Merge(input, user, nullptr).run();
  }
  output.notes.insert(output.notes.begin(), notes.begin(), notes.end());
  return output;
}

}  // namespace unionroot::tree
