#include "definition/trusted_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "definition/settings.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

constexpr std::size_t largest_file = std::size_t{4} << 20;

void require_root_only(const struct stat& status, const std::string& path) {
  if (status.st_uid != 0)
    throw Error(ErrorCode::access_denied,
                concat("'", path, "' is owned by uid ", status.st_uid, ", not by root, and is not read"),
                concat("if its content is right: chown root:root ", path));
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    throw Error(ErrorCode::access_denied, concat("'", path, "' is writable by others than root and is not read"),
                concat("if its content is right: chmod go-w ", path));
}

// O_NONBLOCK: opening a FIFO that somebody put there must not block the daemon.
UniqueFd open_file(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK));
  if (file || errno == ENOENT || errno == ENOTDIR) return file;
  if (errno == ELOOP)
    throw Error(ErrorCode::access_denied, concat("'", path, "' is a symbolic link and is not read"),
                "put the file itself there");
  if (errno == EACCES)  // the command line reads its settings as whoever calls it
    throw Error(ErrorCode::access_denied, concat("'", path, "' cannot be read by this user"),
                concat("root can permit it: chmod a+r ", path, ", and a+x its folder; or name another with --config"));
  base::throw_errno("opening", path);
}

void require_regular(const struct stat& status, const std::string& path) {
  if (!S_ISREG(status.st_mode))
    throw Error(ErrorCode::access_denied, concat("'", path, "' is not a regular file and is not read"),
                "put a regular file there");
}

std::string read_limited(int fd, const std::string& path) {
  std::string text = base::read_all(fd, path, largest_file + 1);
  if (text.size() > largest_file)
    throw Error(ErrorCode::definition_invalid, concat("'", path, "' is larger than ", largest_file, " bytes"),
                "split it into several files in chroot.d");
  return text;
}

}  // namespace

void require_trusted(int fd, const std::string& path) {
  struct stat status {};
  base::check(::fstat(fd, &status), "looking at", path);
  require_regular(status, path);
  require_root_only(status, path);
}

std::optional<std::string> read_trusted(const std::string& path) {
  const UniqueFd file = open_file(path);
  if (!file) return std::nullopt;
  require_trusted(file.get(), path);
  return read_limited(file.get(), path);
}

std::optional<std::string> read_untrusted(const std::string& path) {
  const UniqueFd file = open_file(path);
  if (!file) return std::nullopt;
  struct stat status {};
  base::check(::fstat(file.get(), &status), "looking at", path);
  require_regular(status, path);
  return read_limited(file.get(), path);
}

std::optional<std::vector<std::string>> list_trusted(const std::string& path) {
  UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) {
    if (errno == ENOENT) return std::nullopt;
    base::throw_errno("opening the folder", path);
  }
  struct stat status {};
  base::check(::fstat(folder.get(), &status), "looking at", path);
  require_root_only(status, path);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(folder.get()), ::closedir);
  if (!entries) base::throw_errno("reading the folder", path);
  (void)folder.release();  // closedir closes it
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  if (errno != 0) base::throw_errno("reading the folder", path);
  std::sort(names.begin(), names.end());
  return names;
}

bool folder_exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace unionroot::definition
