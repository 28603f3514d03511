#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <functional>

#include "base/error.h"
#include "base/text.h"
#include "launch/spec.h"

namespace unionroot::launch {

namespace {

[[noreturn]] void no_such_user(const std::string& name_or_uid) {
  throw base::Error(
      base::ErrorCode::no_such_user,
      base::concat("looking up the user '", base::printable(name_or_uid), "': there is none on this machine"),
      "'getent passwd' lists the users of this machine");
}

std::vector<gid_t> groups_of(const char* name, gid_t gid) {
  // A user may be added to groups between the two calls: so it is asked until the answer fits.
  std::vector<gid_t> groups(64);
  for (;;) {
    int count = static_cast<int>(groups.size());
    if (::getgrouplist(name, gid, groups.data(), &count) >= 0) {
      groups.resize(static_cast<std::size_t>(count));
      return groups;
    }
    if (count > 65536)  // NGROUPS_MAX
      throw base::Error(base::ErrorCode::failed,
                        base::concat("reading the groups of ", base::printable(name), ": too many"));
    groups.resize(std::max(static_cast<std::size_t>(count), groups.size() * 2));
  }
}

using Lookup = std::function<int(passwd*, char*, std::size_t, passwd**)>;

bool look_up(const Lookup& lookup, const std::string& what, User& user) {
  std::vector<char> buffer(4096);
  passwd entry{};
  passwd* found = nullptr;
  int error = 0;
  while ((error = lookup(&entry, buffer.data(), buffer.size(), &found)) == ERANGE &&
         buffer.size() < (std::size_t{1} << 20))
    buffer.resize(buffer.size() * 4);
  if (found == nullptr) {
    // getpwnam(3): several numbers mean "not found", depending on the name service; others are failures.
    if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) return false;
    throw base::SystemError(error, base::concat("looking up the user ", base::printable(what)));
  }
  user = User{found->pw_name, found->pw_uid,  found->pw_gid, groups_of(found->pw_name, found->pw_gid),
              found->pw_dir,  found->pw_shell};
  return true;
}

bool look_up_uid(uid_t uid, User& user) {
  return look_up([&](passwd* entry, char* buffer, std::size_t size,
                     passwd** found) { return ::getpwuid_r(uid, entry, buffer, size, found); },
                 std::to_string(uid), user);
}

}  // namespace

User host_user(const std::string& name_or_uid) {
  User user;
  const auto by_name = [&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return ::getpwnam_r(name_or_uid.c_str(), entry, buffer, size, found);
  };
  // A name with a NUL in it would be looked up cut short, as somebody else.
  if (name_or_uid.empty() || name_or_uid.find('\0') != std::string::npos) no_such_user(name_or_uid);
  if (look_up(by_name, name_or_uid, user)) return user;
  const auto number = base::parse_unsigned(name_or_uid);
  // 2^32-1 is "no uid" for the kernel.
  if (number && *number < 0xffffffffU && look_up_uid(static_cast<uid_t>(*number), user)) return user;
  no_such_user(name_or_uid);
}

User host_user(uid_t uid) {
  User user;
  if (!look_up_uid(uid, user)) no_such_user(std::to_string(uid));
  return user;
}

}  // namespace unionroot::launch
