#include "kernel/holders.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/files.h"

namespace unionroot::kernel {

namespace {

using base::concat;
using base::UniqueFd;

constexpr unsigned unique_id = 0x4000;  // STATX_MNT_ID_UNIQUE of linux/stat.h, since Linux 6.8

struct Matches {
  unsigned mount_id;  // the kind of mount id that statx(2) is asked for
  std::function<bool(const struct statx&)> is_it;
};

std::string target_of(int folder, const std::string& name) {
  std::array<char, 4096> text{};
  const auto length = ::readlinkat(folder, name.c_str(), text.data(), text.size());
  return length > 0 ? base::printable(std::string_view(text.data(), static_cast<std::size_t>(length))) : "?";
}

// A link in /proc/PID leads to the file that is held, in whatever mount namespace it is. The file system is not asked,
// because FUSE or a network file system may never answer.
bool holds(int folder, const std::string& name, const Matches& matches) {
  struct statx facts {};
  const unsigned wanted = STATX_BASIC_STATS | matches.mount_id;
  return ::statx(folder, name.c_str(), AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, wanted, &facts) == 0 &&
         matches.is_it(facts);
}

// The process may end at any time. What can no longer be opened is no longer held.
std::optional<std::string> what_it_holds(int process, const Matches& matches) {
  static constexpr std::array<std::pair<const char*, const char*>, 3> links{
      {{"cwd", "working directory "}, {"root", "root directory "}, {"exe", "executable "}}};
  for (const auto& [link, title] : links)
    if (holds(process, link, matches)) return concat(title, target_of(process, link));
  for (const auto& [name, mapped] : {std::pair{"fd", false}, std::pair{"map_files", true}}) {
    const UniqueFd folder(::openat(process, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) continue;
    std::vector<std::string> entries;
    try {
      entries = list_directory(folder.get());
    } catch (const base::Error&) {
      continue;
    }
    for (const auto& entry : entries) {
      if (!holds(folder.get(), entry, matches)) continue;
      const auto target = target_of(folder.get(), entry);
      return mapped ? concat("mapped file ", target) : concat("descriptor ", entry, " (", target, ")");
    }
  }
  return std::nullopt;
}

std::vector<Holder> find(const Matches& matches) {
  std::vector<Holder> found;
  const UniqueFd proc = open_directory("/proc");
  for (const auto& name : list_directory(proc.get())) {
    const auto pid = base::parse_unsigned(name);
    if (!pid || static_cast<pid_t>(*pid) == ::getpid()) continue;
    const UniqueFd process(::openat(proc.get(), name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!process) continue;
    auto how = what_it_holds(process.get(), matches);
    struct stat facts {};
    if (how && ::fstat(process.get(), &facts) == 0)
      found.push_back(
          {static_cast<pid_t>(*pid), facts.st_uid, base::command_of(static_cast<pid_t>(*pid)), std::move(*how)});
  }
  return found;
}

}  // namespace

std::vector<Holder> holders_of_mount(const std::string& path) {
  struct statx wanted {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID, &wanted) != 0 ||
      (wanted.stx_mask & STATX_MNT_ID) == 0)
    return {};
  return find({STATX_MNT_ID, [&](const struct statx& facts) {
                 return (facts.stx_mask & STATX_MNT_ID) != 0 && facts.stx_mnt_id == wanted.stx_mnt_id;
               }});
}

FileNumber file_number(int descriptor) {
  struct stat found {};
  base::check(::fstat(descriptor, &found), "asking for the number of a file");
  return {found.st_dev, found.st_ino};
}

std::uint64_t unique_mount_id(int descriptor) {
  struct statx found {};
  base::check(::statx(descriptor, "", AT_EMPTY_PATH, unique_id, &found), "asking for the mount of a folder");
  return (found.stx_mask & unique_id) != 0 ? found.stx_mnt_id : 0;
}

std::vector<Holder> holders_of(const HeldThings& things) {
  const auto contains = [](const auto& list, const auto& wanted) {
    return std::find(list.begin(), list.end(), wanted) != list.end();
  };
  return find({unique_id, [&](const struct statx& facts) {
                 const auto device = ::makedev(facts.stx_dev_major, facts.stx_dev_minor);
                 if (contains(things.devices, device)) return true;
                 if ((facts.stx_mask & unique_id) != 0 && contains(things.mounts, facts.stx_mnt_id)) return true;
                 return std::any_of(things.files.begin(), things.files.end(), [&](const FileNumber& file) {
                   return file.device == device && file.inode == facts.stx_ino;
                 });
               }});
}

std::vector<Holder> holders_of_device(dev_t device) {
  const auto wanted_major = major(device);
  const auto wanted_minor = minor(device);
  return find({0, [=](const struct statx& facts) {
                 const bool in_it = facts.stx_dev_major == wanted_major && facts.stx_dev_minor == wanted_minor;
                 const bool itself = S_ISBLK(facts.stx_mode) && facts.stx_rdev_major == wanted_major &&
                                     facts.stx_rdev_minor == wanted_minor;
                 return in_it || itself;
               }});
}

std::string users_of_device(dev_t device) {
  std::vector<std::string> users;
  // proc_pid_mountinfo(5): ID, parent, major:minor, root, mount point (octal escapes), ...
  const auto number = concat(major(device), ":", minor(device));
  for (const auto& line : base::split(base::read_file("/proc/self/mountinfo"), '\n')) {
    const auto fields = base::split(line, ' ');
    if (fields.size() > 4 && fields[2] == number) users.push_back(concat("mounted on ", base::printable(fields[4])));
  }
  if (auto held = describe(holders_of_device(device)); !held.empty()) users.push_back(std::move(held));
  return users.empty() ? "mounted elsewhere, or part of a volume" : base::join(users, "; ");
}

std::string describe(const std::vector<Holder>& holders) {
  constexpr std::size_t most = 5;
  std::string text;
  for (std::size_t i = 0; i < holders.size() && i < most; ++i)
    text += concat(i == 0 ? "held by " : "; ", "pid ", holders[i].pid, " (", holders[i].command, "): ", holders[i].how);
  if (holders.size() > most) text += concat("; and ", holders.size() - most, " more");
  return text;
}

}  // namespace unionroot::kernel
