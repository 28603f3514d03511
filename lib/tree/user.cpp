#include "tree/user.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::tree {

namespace {

// getpwuid_r(3) and getgrgid_r(3) want a buffer of a size that nobody can tell before. A group's holds all its members.
template <typename Entry, typename Id, typename Function>
bool look_up(Function function, Id id, Entry& entry, std::vector<char>& buffer, const char* what) {
  constexpr std::size_t largest = std::size_t{16} << 20;
  for (buffer.resize(4096); buffer.size() <= largest; buffer.resize(buffer.size() * 4)) {
    Entry* found = nullptr;
    const int error = function(id, &entry, buffer.data(), buffer.size(), &found);
    // getpwuid(3), NOTES: "not found" comes as any of these, or as 0 without an entry.
    if (found != nullptr) return true;
    if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) return false;
    if (error != ERANGE && error != EINTR)
      throw base::SystemError(error, base::concat("looking up ", what, " ", id),
                              "see `getent passwd` and /etc/nsswitch.conf");
  }
  throw base::Error(base::ErrorCode::failed, base::concat("looking up ", what, " ", id, ": the entry is too large"));
}

std::string text(const char* value) { return value != nullptr ? value : ""; }

}  // namespace

std::optional<User> find_user(uid_t uid) {
  std::vector<char> buffer;
  passwd entry{};
  if (!look_up(::getpwuid_r, uid, entry, buffer, "the user")) return std::nullopt;
  User user{text(entry.pw_name),
            entry.pw_uid,
            entry.pw_gid,
            text(entry.pw_gecos),
            text(entry.pw_dir),
            text(entry.pw_shell),
            {}};
  group primary{};
  if (look_up(::getgrgid_r, user.gid, primary, buffer, "the group")) user.group = text(primary.gr_name);
  return user;
}

}  // namespace unionroot::tree
