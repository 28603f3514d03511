#include "definition/trusted_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/root_only.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "definition/settings.h"
#include "definition/values.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::printable;
using base::UniqueFd;

constexpr std::size_t largest_file = std::size_t{4} << 20;

[[noreturn]] void refuse(const std::string& path, const std::string& part, std::string_view why,
                         const std::string& remedy) {
  if (part == path)
    throw Error(ErrorCode::access_denied, concat("'", printable(path), "' ", why, " and is not read"),
                why.starts_with("is a symbolic link") ? "put the file itself there"
                                                      : concat("if its content is right: ", remedy));
  throw Error(ErrorCode::access_denied,
              concat("'", printable(path), "' is not read: its path contains a symbolic link, and '", printable(part),
                     "' ", why),
              concat("put the file itself there, or: ", remedy));
}

[[noreturn]] void throw_problem(int problem, const std::string& path) {
  if (problem == EACCES)  // the command line reads its settings as its caller
    throw Error(ErrorCode::access_denied, concat("'", printable(path), "' cannot be read by this user"),
                concat("root can permit it: chmod a+r ", printable(path),
                       ", and a+x its folder; or name another with --config"));
  throw base::SystemError(problem, concat("opening ", printable(path)));
}

// Opens with O_PATH: a FIFO or a device is not really opened. Empty if nothing is there.
UniqueFd open_trusted(const std::string& path, std::set<std::string>* consulted) {
  auto found = base::open_configuration(absolute_path(path));
  // Without a followed symlink only the last part was checked. So report the path as it was given.
  if (found.links.empty()) found.part = path;
  if (consulted != nullptr) {
    for (const auto& link : found.links) consulted->insert(folder_of(link));
    if (!found.links.empty()) consulted->insert(folder_of(found.part));
  }
  if (found.folder) return std::move(found.folder);
  if (!found.why.empty()) refuse(path, found.part, found.why, found.remedy);
  if (found.problem != ENOENT && found.problem != ENOTDIR) throw_problem(found.problem, path);
  // A file may be missing in a folder that a symlink leads to. But a symlink without a target is an error.
  struct stat status {};
  if (!found.links.empty() && ::stat(found.links.back().c_str(), &status) != 0)
    throw Error(ErrorCode::definition_invalid,
                concat("'", printable(path), "' cannot be read: '", printable(found.links.back()),
                       "' is a symbolic link that leads to '", printable(found.part), "', which does not exist"),
                "remove the link, or make its target");
  return {};
}

// Opens the file behind an O_PATH descriptor for reading.
UniqueFd reopen(int descriptor, const std::string& path, int flags) {
  UniqueFd file(::open(concat("/proc/self/fd/", descriptor).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | flags));
  if (!file) throw_problem(errno, path);
  return file;
}

void require_regular(const struct stat& status, const std::string& path) {
  if (!S_ISREG(status.st_mode))
    throw Error(ErrorCode::access_denied, concat("'", printable(path), "' is not a regular file and is not read"),
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
  std::string remedy;
  if (const auto why = base::not_configuration(fd, status, path, remedy); !why.empty()) refuse(path, path, why, remedy);
}

std::optional<std::string> read_trusted(const std::string& path, std::set<std::string>* consulted) {
  const UniqueFd found = open_trusted(path, consulted);
  if (!found) return std::nullopt;
  require_trusted(found.get(), path);
  return read_limited(reopen(found.get(), path, 0).get(), path);
}

std::optional<std::string> read_untrusted(const std::string& path) {
  const UniqueFd found(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!found && errno != ENOENT && errno != ENOTDIR) throw_problem(errno, path);
  if (!found) return std::nullopt;
  struct stat status {};
  base::check(::fstat(found.get(), &status), "looking at", path);
  require_regular(status, path);
  return read_limited(reopen(found.get(), path, 0).get(), path);
}

std::optional<std::vector<std::string>> list_trusted(const std::string& path, std::set<std::string>* consulted) {
  const UniqueFd found = open_trusted(path, consulted);
  if (!found) return std::nullopt;
  UniqueFd folder = reopen(found.get(), path, O_DIRECTORY);
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
