#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace unionroot::base {

std::string read_all(int fd, const std::string& name, std::size_t limit) {
  std::string out;
  char buffer[16384];
  while (out.size() < limit) {
    const auto count = ::read(fd, buffer, std::min(sizeof buffer, limit - out.size()));
    if (count < 0 && errno == EINTR) continue;
    if (check(count, "reading", name) == 0) break;
    out.append(buffer, static_cast<std::size_t>(count));
  }
  return out;
}

std::string read_file(const std::string& path, std::size_t limit) {
  // A FIFO at this path, or a lease on the file, must not block us.
  const UniqueFd file(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), "opening", path));
  return read_all(file.get(), path, limit);
}

std::optional<std::string> read_file_at(int dir, const std::string& path, std::size_t limit) {
  const UniqueFd file(::openat(dir, path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!file) throw_errno("opening", path);
  return read_all(file.get(), path, limit);
}

std::optional<std::string> try_read_file(const std::string& path, std::size_t limit) {
  try {
    return read_file(path, limit);
  } catch (const SystemError&) {
    return std::nullopt;  // not an error: the caller expects that the file may be missing
  }
}

void write_all(int fd, std::string_view data, const std::string& name) {
  while (!data.empty()) {
    const auto count = ::write(fd, data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    data.remove_prefix(static_cast<std::size_t>(check(count, "writing", name)));
  }
}

std::string_view kind_of_file(mode_t mode) noexcept {
  if (S_ISREG(mode)) return "a regular file";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISBLK(mode)) return "a block device";
  return "a character device";
}

int rename_without_replacing(int from_dir, const std::string& from, int to_dir, const std::string& to) noexcept {
  if (::renameat2(from_dir, from.c_str(), to_dir, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return errno;
  struct stat facts {};
  if (::fstatat(to_dir, to.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  if (errno != ENOENT) return errno;
  return ::renameat(from_dir, from.c_str(), to_dir, to.c_str()) == 0 ? 0 : errno;
}

}  // namespace unionroot::base
