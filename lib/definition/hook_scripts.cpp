#include "definition/hook_scripts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "definition/trusted_file.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::printable;
using base::UniqueFd;

[[noreturn]] void refuse(const std::string& path, std::string_view why, const std::string& hint) {
  throw Error(ErrorCode::access_denied, concat("hooks: '", printable(path), "' ", why, ", so nothing in it is run"),
              hint);
}

void require_root_alone(const struct stat& status, const std::string& path, bool sticky_suffices) {
  if (status.st_uid != 0)
    refuse(path, concat("is owned by uid ", status.st_uid, ", not by root"),
           concat("chown root:root ", printable(path)));
  // In a sticky folder nobody but root can rename or remove what is root's: unlink(2), EPERM.
  if (sticky_suffices && (status.st_mode & S_ISVTX) != 0) return;
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    refuse(path, "is writable by others than root", concat("chmod go-w ", printable(path)));
}

// Component by component: whoever can change a folder on the way could put another in the place of the last.
void require_trusted_way(const std::string& path) {
  UniqueFd folder(base::check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "opening /"));
  std::string upto;
  const auto parts = base::split(path, '/');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    upto += "/" + parts[i];
    UniqueFd next(::openat(folder.get(), parts[i].c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno == ENOENT)
      throw Error(
          ErrorCode::stage_failed, concat("the hook directory '", printable(path), "' does not exist"),
          "make it, or mend hook-directories in the chroot's definition; `unionroot check` shows where that is");
    if (!next) base::throw_errno("opening the hook directory", upto);
    struct stat status {};
    base::check(::fstat(next.get(), &status), "looking at", upto);
    if (S_ISLNK(status.st_mode)) refuse(upto, "is a symbolic link", "name the real folder in hook-directories");
    if (!S_ISDIR(status.st_mode))
      throw Error(ErrorCode::stage_failed, concat("the hook directory '", printable(upto), "' is not a directory"),
                  "mend hook-directories in the chroot's definition; `unionroot check` shows where that is");
    require_root_alone(status, upto, i + 1 < parts.size());
    folder = std::move(next);
  }
}

}  // namespace

bool valid_hook_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

HookScripts list_hook_scripts(const std::string& folder) {
  require_trusted_way(folder);
  HookScripts found;
  for (const auto& name : list_trusted(folder).value_or(std::vector<std::string>{})) {
    if (name.front() == '.') continue;
    const auto path = concat(folder, '/', name);
    const auto skip = [&](std::string_view why) {
      found.skipped.push_back(concat("'", printable(path), "' is not run: ", why));
    };
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) base::throw_errno("looking at", path);
    if (!valid_hook_name(name))
      skip("its name has other characters than letters, digits, '_' and '-'");
    else if (!S_ISREG(status.st_mode))
      skip("it is not a regular file");
    else if ((status.st_mode & 0111) == 0)
      skip("it is not executable (chmod +x)");
    else {
      require_root_alone(status, path, false);
      found.paths.push_back(path);
    }
  }
  return found;
}

}  // namespace unionroot::definition
