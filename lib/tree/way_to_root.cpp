#include "tree/way_to_root.h"

#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/accounts.h"
#include "base/error.h"
#include "base/files.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/regular_file.h"
#include "tree/name_service.h"
#include "tree/passwords.h"
#include "tree/sudoers.h"

namespace unionroot::tree {

namespace {

using base::concat;
using base::printable;

constexpr std::size_t largest_rules = std::size_t{1} << 20;
constexpr std::size_t largest_accounts = std::size_t{16} << 20;
constexpr unsigned most_rule_files = 256;

bool contains(const std::vector<gid_t>& ids, std::uint64_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

// Lines of passwd(5) and group(5), read as leniently as possible: fields may be missing.
std::vector<std::string_view> entries(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    if (!line.empty() && line[0] != '#') lines.push_back(line);
  }
  return lines;
}

class Search {
 public:
  Search(int root, const User& user) : root_(root), user_(user) {}

  std::optional<std::string> rules() {
    person_ = person();
    sudo();
    doas();
    su();
    return std::move(found_);
  }

  std::optional<std::string> accounts() {
    for (const char* folder : {".", "etc"}) require_roots(folder);
    look_at_users();
    look_at_groups();
    return std::move(found_);
  }

 private:
  void say(std::string why) {
    if (!found_) found_ = std::move(why);
  }

  void names(const std::string& path) { say(concat(printable(path), " names '", printable(user_.name), "'")); }

  void require_roots(const std::string& path, const struct stat& status) {
    const bool others = (status.st_mode & 022u) != 0 && (status.st_mode & S_ISVTX) == 0;
    if (status.st_uid != 0 || others) say(concat(printable(path), " can be changed by others than root"));
  }

  void require_roots(const char* path) {
    const auto folder = kernel::find_in_tree(root_, path, O_DIRECTORY);
    struct stat status {};
    if (!folder) return;
    base::check(::fstat(folder.get(), &status), "looking at", path);
    require_roots(path, status);
  }

  // Returns nullopt if the file does not exist, or if a way was found.
  std::optional<std::string> read(const std::string& path, std::size_t limit) {
    if (found_) return std::nullopt;
    const auto file = kernel::open_regular_in_tree(root_, path);
    if (file.found == kernel::RegularFile::Found::absent) return std::nullopt;
    if (file.found != kernel::RegularFile::Found::file || static_cast<std::size_t>(file.status.st_size) > limit) {
      say(concat(printable(path), " is not a readable file"));
      return std::nullopt;
    }
    require_roots(path, file.status);
    return base::read_all(file.descriptor.get(), path, limit);
  }

  // The user's names and groups according to the tree: its programs use these.
  Person person() {
    Person made;
    made.names = {user_.name};
    made.uid = user_.uid;
    made.gids = user_.groups;
    made.gids.push_back(user_.gid);
    const auto passwd = read_quietly("etc/passwd");
    for (const auto line : entries(passwd))
      if (base::parse_unsigned(field(line, 2)) == user_.uid) made.names.emplace_back(field(line, 0));
    group_ = read_quietly("etc/group");
    made.in_group = [this](const std::string& group) { return in_group(group); };
    return made;
  }

  std::string read_quietly(const std::string& path) {
    const auto file = kernel::open_regular_in_tree(root_, path);
    if (file.found != kernel::RegularFile::Found::file) return {};
    return base::read_all(file.descriptor.get(), path, largest_accounts);
  }

  bool in_group(const std::string& name) {
    bool known = false;
    for (const auto line : entries(group_)) {
      if (::strcasecmp(std::string(field(line, 0)).c_str(), name.c_str()) != 0) continue;
      known = true;
      const auto gid = base::parse_unsigned(field(line, 2));
      if (!gid || contains(person_.gids, *gid)) return true;
      const auto list = members(field(line, 3));
      for (const auto& own : person_.names)
        if (std::find(list.begin(), list.end(), own) != list.end()) return true;
    }
    if (known) return false;
    const auto gid = base::group_id(name);
    return gid && contains(person_.gids, *gid);
  }

  void sudo() {
    // The paths that distributions and sudo-rs use.
    for (const char* path : {"etc/sudoers", "usr/etc/sudoers", "usr/local/etc/sudoers", "etc/sudoers-rs"})
      sudoers(path);
    if (const auto text = read("etc/sudo.conf", largest_rules); text && sudo_has_other_rules(*text))
      say("etc/sudo.conf has a plugin of its own");
    // The rules of sudo may come from a directory service.
    const auto services = read_quietly("etc/nsswitch.conf");
    for (const auto line : entries(services))
      if (line.starts_with("sudoers:") && base::trim(line.substr(8)) != "files")
        say("etc/nsswitch.conf takes sudo rules from elsewhere");
  }

  void sudoers(const std::string& path) {
    const auto text = read(path, largest_rules);
    if (!text) return;
    if (++rule_files_ > most_rule_files) return say(concat(printable(path), " is one of too many files with rules"));
    const auto rules = read_sudoers(*text, person_);
    if (rules.name_them) return names(path);
    for (const auto& include : rules.includes) {
      const bool absolute = include.path.starts_with('/');
      const auto target = absolute ? include.path.substr(1) : concat(base::parent_path(path), "/", include.path);
      if (include.folder)
        sudoers_folder(target);
      else
        sudoers(target);
    }
  }

  void sudoers_folder(const std::string& path) {
    for (const auto& name : list(path))
      if (name.find('.') == name.npos && !name.ends_with('~')) sudoers(concat(path, "/", name));
  }

  std::vector<std::string> list(const std::string& path) {
    if (found_) return {};
    const auto handle = kernel::find_in_tree(root_, path, O_DIRECTORY);
    if (!handle) return {};
    const base::UniqueFd folder(
        base::check(::openat(handle.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", printable(path)));
    return kernel::list_directory(folder.get());
  }

  void doas() {
    std::vector<std::string> paths{"etc/doas.conf", "usr/local/etc/doas.conf"};
    for (const auto& name : list("etc/doas.d")) paths.push_back(concat("etc/doas.d/", name));
    for (const auto& path : paths)
      if (const auto text = read(path, largest_rules); text && doas_names(*text, person_)) names(path);
  }

  void su() {
    for (const char* path : {"etc/pam.d/su", "etc/pam.d/su-l", "usr/lib/pam.d/su", "usr/lib/pam.d/su-l"})
      if (const auto text = read(path, largest_rules); text && su_needs_no_password(*text))
        say(concat(path, " may ask for no password"));
    if (const auto text = read("etc/suauth", largest_rules); text && text->find("NOPASS") != text->npos)
      say("etc/suauth may ask for no password");
  }

  void password(std::string_view name, std::string_view value, const char* path) {
    if (value == "x" || name == user_.name || is_locked(value)) return;
    say(concat(path, " has a password for '", printable(name), "'"));
  }

  void look_at_users() {
    if (const auto text = read("etc/passwd", largest_accounts))
      for (const auto line : entries(*text)) {
        const auto name = field(line, 0);
        const auto uid = base::parse_unsigned(field(line, 2));
        if (line[0] == '+' || line[0] == '-' || !uid || *uid > 0xfffffffeU)
          return say("etc/passwd has a line that is not a plain entry");
        if ((name == user_.name) != (*uid == user_.uid))
          return say(concat("etc/passwd has '", printable(name), "' with the number ", *uid));
        if (*uid == 0 && name != "root")
          return say(concat("etc/passwd has '", printable(name), "' with root's number"));
        password(name, field(line, 1), "etc/passwd");
      }
    if (const auto text = read("etc/shadow", largest_accounts))
      for (const auto line : entries(*text)) password(field(line, 0), field(line, 1), "etc/shadow");
  }

  // newgrp(1) asks a member for no password. It accepts the group's password from everybody.
  void look_at_groups() {
    std::vector<std::string_view> own;  // the user's groups
    const auto group = read("etc/group", largest_accounts);
    if (group)
      for (const auto line : entries(*group)) {
        const auto gid = base::parse_unsigned(field(line, 2));
        if (line[0] == '+' || line[0] == '-' || !gid) return say("etc/group has a line that is not a plain entry");
        if (*gid == user_.gid || contains(user_.groups, *gid))
          own.push_back(field(line, 0));
        else
          member(field(line, 0), field(line, 3), "etc/group");
        group_password(line, "etc/group");
      }
    if (const auto text = read("etc/gshadow", largest_accounts))
      for (const auto line : entries(*text)) {
        const auto name = field(line, 0);
        member(name, field(line, 2), "etc/gshadow");
        if (std::find(own.begin(), own.end(), name) == own.end()) member(name, field(line, 3), "etc/gshadow");
        group_password(line, "etc/gshadow");
      }
  }

  void member(std::string_view group, std::string_view list, const char* path) {
    const auto all = members(list);
    if (std::find(all.begin(), all.end(), user_.name) != all.end())
      say(concat(path, " has '", printable(user_.name), "' in the group '", printable(group), "'"));
  }

  // An empty group password admits only members.
  void group_password(std::string_view line, const char* path) {
    const auto value = field(line, 1);
    if (!value.empty() && value != "x" && !is_locked(value))
      say(concat(path, " has a password for the group '", printable(field(line, 0)), "'"));
  }

  int root_;
  const User& user_;
  Person person_;
  std::string group_;  // the text of etc/group
  unsigned rule_files_ = 0;
  std::optional<std::string> found_;
};

// A file that cannot be read counts as a way.
template <typename Look>
std::optional<std::string> in_doubt(const Look& look) {
  try {
    return look();
  } catch (const base::Error& error) {
    return error.what();
  }
}

}  // namespace

std::optional<std::string> rule_for(int root, const User& user) {
  return in_doubt([&] { return Search(root, user).rules(); });
}

std::optional<std::string> way_to_root(int root, const User& user) {
  return in_doubt([&] {
    auto way = Search(root, user).accounts();
    return way ? way : Search(root, user).rules();
  });
}

}  // namespace unionroot::tree
