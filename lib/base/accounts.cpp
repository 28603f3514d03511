#include "base/accounts.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/file_version.h"
#include "base/text.h"

namespace unionroot::base {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto remembered = std::chrono::seconds(2);
constexpr std::size_t most_remembered = 1024;

// getpwuid_r(3) and similar calls need a buffer whose size is not known in advance. A group's entry contains all its
// members.
template <typename Entry>
bool look_up(const std::function<int(Entry*, char*, std::size_t, Entry**)>& function, Entry& entry,
             std::vector<char>& buffer, const std::string& what) {
  constexpr std::size_t largest = std::size_t{16} << 20;
  for (buffer.resize(4096); buffer.size() <= largest;) {
    Entry* found = nullptr;
    const int error = function(&entry, buffer.data(), buffer.size(), &found);
    if (found != nullptr) return true;
    // getpwuid(3), NOTES: "not found" is reported as one of these errors, or as 0 without an entry.
    if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) return false;
    if (error == ERANGE)
      buffer.resize(buffer.size() * 4);
    else if (error != EINTR)
      throw SystemError(error, concat("looking up ", what), "see `getent passwd` and /etc/nsswitch.conf");
  }
  throw Error(ErrorCode::failed, concat("looking up ", what, ": the entry is too large"));
}

std::string text(const char* value) { return value != nullptr ? value : ""; }

std::vector<gid_t> groups_of(const std::string& name, gid_t gid) {
  // The user may be added to groups between two calls, so repeat until the buffer is large enough.
  std::vector<gid_t> groups(64);
  for (;;) {
    int count = static_cast<int>(groups.size());
    if (::getgrouplist(name.c_str(), gid, groups.data(), &count) >= 0) {
      groups.resize(static_cast<std::size_t>(count));
      return groups;
    }
    if (count > 65536)  // NGROUPS_MAX
      throw Error(ErrorCode::failed, concat("reading the groups of ", printable(name), ": too many"));
    groups.resize(std::max(static_cast<std::size_t>(count), groups.size() * 2));
  }
}

using UserLookup = std::function<int(passwd*, char*, std::size_t, passwd**)>;

std::shared_ptr<const Account> find(const UserLookup& lookup, const std::string& what) {
  std::vector<char> buffer;
  passwd entry{};
  if (!look_up(lookup, entry, buffer, what)) return nullptr;
  auto account = std::make_shared<Account>(Account{text(entry.pw_name),
                                                   entry.pw_uid,
                                                   entry.pw_gid,
                                                   text(entry.pw_gecos),
                                                   text(entry.pw_dir),
                                                   text(entry.pw_shell),
                                                   {},
                                                   {}});
  account->groups = groups_of(account->name, account->gid);
  group primary{};
  const std::function<int(group*, char*, std::size_t, group**)> by_gid = [&](auto* into, char* memory, std::size_t size,
                                                                             auto** found) {
    return ::getgrgid_r(account->gid, into, memory, size, found);
  };
  if (look_up(by_gid, primary, buffer, concat("the group ", account->gid))) account->group = text(primary.gr_name);
  return account;
}

// Versions of the files that the name services read. A change is missed for up to two seconds if it happens in the same
// clock tick and keeps size and inode.
using FilesVersion = std::array<FileVersion, 3>;

FilesVersion files_version() {
  constexpr std::array paths{"/etc/passwd", "/etc/group", "/etc/nsswitch.conf"};
  FilesVersion versions;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    struct stat status {};
    if (::stat(paths[i], &status) == 0) versions[i] = version_of(status);
  }
  return versions;
}

class Memory {
 public:
  std::shared_ptr<const Account> find(uid_t uid, const FilesVersion& version) {
    const std::lock_guard guard(mutex_);
    const auto known = entries_.find(uid);
    if (known == entries_.end() || known->second.until < Clock::now() || known->second.version != version)
      return nullptr;
    return known->second.account;
  }

  void keep(const std::shared_ptr<const Account>& account, const FilesVersion& version) {
    const std::lock_guard guard(mutex_);
    if (entries_.size() >= most_remembered) entries_.clear();
    entries_[account->uid] = {account, version, Clock::now() + remembered};
  }

 private:
  struct Entry {
    std::shared_ptr<const Account> account;
    FilesVersion version;
    Clock::time_point until;
  };
  std::mutex mutex_;
  std::map<uid_t, Entry> entries_;
};

Memory& memory() {
  static Memory one;
  return one;
}

}  // namespace

std::shared_ptr<const Account> account_of(uid_t uid) {
  // Before the lookup: if the files change meanwhile, the cached entry is invalid.
  const auto version = files_version();
  if (auto known = memory().find(uid, version)) return known;
  auto account = find([uid](passwd* entry, char* buffer, std::size_t size,
                            passwd** found) { return ::getpwuid_r(uid, entry, buffer, size, found); },
                      concat("the user ", uid));
  if (account && account->uid == uid) memory().keep(account, version);
  return account;
}

std::shared_ptr<const Account> account_of(const std::string& name) {
  // A name that contains NUL would be cut there and name another user.
  if (name.empty() || name.find('\0') != std::string::npos) return nullptr;
  return find([&name](passwd* entry, char* buffer, std::size_t size,
                      passwd** found) { return ::getpwnam_r(name.c_str(), entry, buffer, size, found); },
              concat("the user ", printable(name)));
}

std::string group_name(gid_t gid) { return find_group_name(gid).value_or(std::to_string(gid)); }

std::optional<std::string> find_group_name(gid_t gid) {
  std::vector<char> buffer;
  group entry{};
  const std::function<int(group*, char*, std::size_t, group**)> by_gid = [gid](auto* into, char* memory,
                                                                               std::size_t size, auto** found) {
    return ::getgrgid_r(gid, into, memory, size, found);
  };
  if (!look_up(by_gid, entry, buffer, concat("the group ", gid))) return std::nullopt;
  return text(entry.gr_name);
}

std::optional<gid_t> group_id(const std::string& name) {
  if (name.empty() || name.find('\0') != std::string::npos) return std::nullopt;
  std::vector<char> buffer;
  group entry{};
  const std::function<int(group*, char*, std::size_t, group**)> by_name = [&](auto* into, char* memory,
                                                                              std::size_t size, auto** found) {
    return ::getgrnam_r(name.c_str(), into, memory, size, found);
  };
  if (!look_up(by_name, entry, buffer, concat("the group ", printable(name)))) return std::nullopt;
  return entry.gr_gid;
}

}  // namespace unionroot::base
