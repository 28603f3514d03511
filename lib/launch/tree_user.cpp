#include <algorithm>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "kernel/regular_file.h"
#include "launch/spec.h"

namespace unionroot::launch {

namespace {

constexpr std::size_t largest_file = std::size_t{8} << 20;

// nullopt: it does not exist, or is not a regular file.
std::optional<std::string> read_regular(int root, const char* path) {
  const auto file = kernel::open_regular_in_tree(root, path);
  if (file.found != kernel::RegularFile::Found::file) return std::nullopt;
  if (static_cast<std::size_t>(file.status.st_size) > largest_file)
    throw base::Error(base::ErrorCode::failed,
                      base::concat("reading ", path, " in the session's tree: it has ", file.status.st_size, " bytes"),
                      "at most 8 MiB are read");
  return base::read_all(file.descriptor.get(), path, largest_file);
}

std::optional<std::uint32_t> parse_id(std::string_view text) {
  const auto number = base::parse_unsigned(text);
  if (!number || *number >= 0xffffffffU) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

// Parses one line of passwd(5); nullopt for a malformed line or a NIS entry.
std::optional<User> parse_passwd_line(const std::string& line) {
  const auto fields = base::split(line, ':', true);
  if (fields.size() != 7 || fields[0].empty() || fields[0][0] == '+' || fields[0][0] == '-') return std::nullopt;
  const auto uid = parse_id(fields[2]);
  const auto gid = parse_id(fields[3]);
  if (!uid || !gid) return std::nullopt;
  return User{.name = fields[0], .uid = *uid, .gid = *gid, .home = fields[5], .shell = fields[6]};
}

std::optional<User> find_user(const std::string& content, const std::string& name_or_uid) {
  const auto number = parse_id(name_or_uid);
  std::optional<User> by_uid;
  for (const auto& line : base::split(content, '\n')) {
    auto user = parse_passwd_line(line);
    if (!user) continue;
    if (user->name == name_or_uid) return user;
    if (number && user->uid == *number && !by_uid) by_uid = std::move(user);
  }
  return by_uid;
}

void add_groups(User& user, const std::string& content) {
  user.groups = {user.gid};
  for (const auto& line : base::split(content, '\n')) {
    const auto fields = base::split(line, ':', true);
    if (fields.size() != 4) continue;
    const auto gid = parse_id(fields[2]);
    if (!gid) continue;
    const auto members = base::split(fields[3], ',');
    if (std::find(members.begin(), members.end(), user.name) == members.end()) continue;
    if (std::find(user.groups.begin(), user.groups.end(), *gid) == user.groups.end()) user.groups.push_back(*gid);
  }
}

}  // namespace

User tree_user(int root, const std::string& name_or_uid) {
  const auto passwd = read_regular(root, "etc/passwd");
  std::optional<User> user = passwd ? find_user(*passwd, name_or_uid) : std::nullopt;
  if (!user)
    throw base::Error(base::ErrorCode::no_such_user,
                      base::concat("looking up the user '", base::printable(name_or_uid), "' in the session: ",
                                   passwd ? "its /etc/passwd has no such user" : "it has no readable /etc/passwd"),
                      passwd ? "add the user there, or let the profile copy the host's users (nss=merge)"
                             : "is the source tree a complete system?");
  add_groups(*user, read_regular(root, "etc/group").value_or(std::string()));
  return *std::move(user);
}

}  // namespace unionroot::launch
