// The host's users and groups put into a tree's databases. Parts of the input, with a line "%%" between them: passwd,
// shadow, group and gshadow of the host, the same of the tree, and the user's line of passwd.
#include "base/text.h"
#include "fuzz.h"
#include "tree/merge.h"
#include "tree/passwords.h"

namespace unionroot::fuzz {

namespace {

using namespace tree;

std::vector<std::string> parts_of(std::string_view input) {
  constexpr std::string_view separator = "%%\n";
  std::vector<std::string> parts;
  for (auto at = input.find(separator); at != input.npos; at = input.find(separator)) {
    parts.emplace_back(input.substr(0, at));
    input.remove_prefix(at + separator.size());
  }
  parts.emplace_back(input);
  parts.resize(9);
  return parts;
}

std::optional<User> user_of(const std::string& line) {
  const Table table(Database::passwd, line);
  if (table.lines().empty() || !table.lines()[0].is_entry()) return std::nullopt;
  const auto& entry = table.lines()[0];
  const std::string name(entry.name), home(field(entry.text, 5)), shell(field(entry.text, 6));
  return User{name, entry.id, entry.id, std::string(field(entry.text, 4)), home, shell, name};
}

MergeOutput merged(const MergeInput& input) {
  auto output = merge(input);
  auto& passwd = output.text[index_of(Database::passwd)];
  // Where the tree's root has another name, it is taken for the host's.
  const auto* const root = input.tree[index_of(Database::passwd)]->by_id(0);
  if (planted && passwd && root != nullptr && root->name.starts_with("ro") && root->name != "root")
    passwd = input.tree[index_of(Database::passwd)]->text();
  return output;
}

const Table& host(const MergeInput& input, Database database) { return *input.host[index_of(database)]; }
const Table& in_tree(const MergeInput& input, Database database) { return *input.tree[index_of(database)]; }

MergeInput after(const MergeInput& input, const MergeOutput& output) {
  auto made = input;
  for (const auto database : all_databases)
    if (const auto& text = output.text[index_of(database)])
      made.tree[index_of(database)] = std::make_shared<const Table>(database, *text);
  return made;
}

bool is_users(const MergeInput& input, const Line& line) {
  const auto& user = input.user;
  return user && (user->name == line.name || user->group == line.name || user->uid == line.id || user->gid == line.id);
}

// Packages made them: an entry of the tree stays, unless root, the user or one of the host's has its name or number.
void check_kept(const MergeInput& before, const MergeInput& now, Database database) {
  const auto& tree = in_tree(before, database);
  for (const auto& line : tree.lines()) {
    if (!line.is_entry() || tree.by_name(line.name) != &line || tree.by_id(line.id) != &line) continue;
    if (host(before, database).by_name(line.name) != nullptr || host(before, database).by_id(line.id) != nullptr)
      continue;
    if (is_users(before, line) || line.name == "root" || line.id == 0) continue;
    const auto* const found = in_tree(now, database).by_name(line.name);
    require(found != nullptr && found->id == line.id, "an entry of the tree stays", line.text);
  }
}

// One name has one number, and leads to one line.
void check_added(const MergeInput& before, const MergeInput& now, Database database) {
  for (const auto& line : in_tree(now, database).lines()) {
    if (!line.is_entry() || in_tree(before, database).by_name(line.name) != nullptr) continue;
    require(in_tree(now, database).by_name(line.name) == &line, "a name is added once", line.text);
    require(in_tree(before, database).by_id(line.id) == nullptr || in_tree(now, database).by_id(line.id) == &line,
            "a number is given to one entry", line.text);
  }
}

// In a tree of the session's own the host says who root is, and who the user is.
void check_hosts(const MergeInput& before, const MergeInput& now) {
  const auto& theirs = host(before, Database::passwd);
  const auto& passwd = in_tree(now, Database::passwd);
  const auto is_the_same = [&](std::string_view name, std::uint32_t id) {
    const auto *const named = passwd.by_name(name), *const numbered = passwd.by_id(id);
    return named != nullptr && named->id == id && numbered != nullptr && numbered->name == name;
  };
  const auto* const root = theirs.by_id(0);
  if (root != nullptr && theirs.by_name(root->name) == root)
    require(is_the_same(root->name, 0), "root is the host's", passwd.text());
  const auto& user = before.user;
  if (!user || user->uid == 0 || user->name == (root != nullptr ? root->name : "root")) return;
  const auto *const named = theirs.by_name(user->name), *const numbered = theirs.by_id(user->uid);
  if ((named == nullptr || named->id == user->uid) && (numbered == nullptr || numbered->name == user->name))
    require(is_the_same(user->name, user->uid), "the user is the host's", passwd.text());
}

// No empty password; with `lock` none but the user's.
void check_passwords(const MergeInput& before, const MergeInput& now) {
  for (const auto database : {Database::passwd, Database::shadow})
    for (const auto& line : in_tree(now, database).lines()) {
      if (!line.is_entry()) continue;
      const auto password = field(line.text, 1);
      require(!password.empty(), "no password is empty", line.text);
      if (!before.lock || is_locked(password) || (database == Database::passwd && password == "x")) continue;
      require(before.user && line.name == before.user->name && password == before.password,
              "no password is one but the user's", line.text);
    }
}

void check(const MergeInput& before) {
  const auto output = merged(before);
  for (const auto& note : output.notes) require_showable(note, "a note can be shown");
  const auto now = after(before, output);
  for (const auto database : {Database::passwd, Database::group}) {
    check_kept(before, now, database);
    check_added(before, now, database);
  }
  if (before.own) {
    check_hosts(before, now);
    check_passwords(before, now);
  }
  const auto again = after(now, merge(now));
  for (const auto database : all_databases)
    require(in_tree(again, database).text() == in_tree(now, database).text(), "to merge once more changes nothing",
            in_tree(now, database).text());
}

}  // namespace

void run(std::string_view input) {
  const auto parts = parts_of(input);
  MergeInput before;
  for (const auto database : all_databases) {
    const Table theirs(database, parts[index_of(database)]);
    before.host[index_of(database)] = std::make_shared<const Table>(database, without_passwords(theirs));
    before.tree[index_of(database)] = std::make_shared<const Table>(database, parts[index_of(database) + 4]);
  }
  before.listed.fill(true);
  before.user = user_of(parts[8]);
  before.password = "$6$user";
  for (const bool own : {false, true})
    for (const bool lock : {false, true}) {
      before.own = own;
      before.lock = lock;
      check(before);
    }
}

}  // namespace unionroot::fuzz
