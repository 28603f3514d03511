#include "launch/working_directory.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "base/unique_fd.h"

namespace unionroot::launch {

namespace {

using base::concat;
using base::UniqueFd;

std::optional<struct statx> look(int folder, const std::string& path) {
  constexpr unsigned wanted = STATX_INO | STATX_MNT_ID;
  struct statx facts {};
  const int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
  if (::statx(folder, path.c_str(), flags, wanted, &facts) != 0 || (facts.stx_mask & wanted) != wanted) return {};
  return facts;
}

std::string text_of(std::size_t parts, const struct statx& facts) {
  return concat(parts, ':', facts.stx_dev_major, ':', facts.stx_dev_minor, ':', facts.stx_ino);
}

bool is_working_directory(pid_t pid, const std::string& path) {
  std::string target(PATH_MAX, '\0');
  const auto size = ::readlink(concat("/proc/", pid, "/cwd").c_str(), target.data(), target.size());
  return size >= 0 && target.compare(0, static_cast<std::size_t>(size), path) == 0;
}

}  // namespace

std::string place_of_directory(pid_t pid, const std::string& path) {
  if (pid <= 0 || !is_working_directory(pid, path)) return {};
  const UniqueFd own(::open(concat("/proc/", pid, "/cwd").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd root(::open(concat("/proc/", pid, "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!own || !root) return {};
  const auto itself = look(own.get(), "");
  if (!itself) return {};
  std::string text, part;
  std::size_t parts = 0;
  for (const auto& name : base::split(path, '/')) {
    if (name.empty()) continue;
    part += (part.empty() ? "" : "/") + name;
    ++parts;
    const auto facts = look(root.get(), part);
    // Beyond its mount only that file system knows the path.
    if (!facts) return {};
    if (facts->stx_mnt_id == itself->stx_mnt_id) break;
    text += text_of(parts, *facts) + ",";
  }
  if (text.empty()) return {};
  const auto all = static_cast<std::size_t>(std::count_if(path.begin(), path.end(), [](char c) { return c == '/'; }));
  return text + text_of(all, *itself);
}

}  // namespace unionroot::launch
