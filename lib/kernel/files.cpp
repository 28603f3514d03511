#include "kernel/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/rollback.h"
#include "base/text.h"

namespace unionroot::kernel {

using base::fault_point;
using base::SystemError;
using base::UniqueFd;

namespace {

[[noreturn]] void fail(std::string_view doing, const std::string& name) {
  const int saved = errno;
  throw SystemError(saved, base::concat(doing, " ", base::printable(name)));
}

// The mode that was asked for, whatever the process's umask is.
void set_mode_of_new(int dir, const std::string& name, mode_t mode) {
  const UniqueFd made(::openat(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made || ::fchmod(made.get(), mode) != 0) fail("setting the mode of the new folder", name);
}

}  // namespace

UniqueFd open_directory(const std::string& path) { return open_directory_at(AT_FDCWD, path); }

UniqueFd open_directory_at(int dir, const std::string& name) {
  UniqueFd opened(::openat(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened) fail("opening the folder", name);
  return opened;
}

void make_directory(int dir, const std::string& name, mode_t mode) {
  fault_point("mkdir");
  if (::mkdirat(dir, name.c_str(), mode) != 0) fail("making the folder", name);
  set_mode_of_new(dir, name, mode);
  fault_point("mkdir done");
}

bool ensure_directory(int dir, const std::string& name, mode_t mode) {
  fault_point("mkdir");
  if (::mkdirat(dir, name.c_str(), mode) != 0) {
    const int saved = errno;
    struct stat found {};
    if (saved == EEXIST && ::fstatat(dir, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) {
      if (S_ISDIR(found.st_mode)) return false;
      throw SystemError(ENOTDIR,
                        base::concat("making the folder ", base::printable(name), ": something else has that name"));
    }
    errno = saved;
    fail("making the folder", name);
  }
  set_mode_of_new(dir, name, mode);
  fault_point("mkdir done");
  return true;
}

bool ensure_file(int dir, const std::string& name, mode_t mode) {
  fault_point("create");
  const UniqueFd made(::openat(dir, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!made) {
    if (errno == EEXIST) return false;
    fail("making the file", name);
  }
  if (::fchmod(made.get(), mode) != 0) fail("setting the mode of the new file", name);
  fault_point("create done");
  return true;
}

void ensure_directories(const std::string& path, mode_t mode) {
  if (path.empty()) throw SystemError(ENOENT, "making a folder with an empty name");
  // Folders above our own may be symlinks that the administrator made (/var/run -> /run), so they are followed.
  std::string upto = path.front() == '/' ? "/" : "";
  for (const std::string& part : base::split(path, '/')) {
    upto += part;
    struct stat found {};
    if (::stat(upto.c_str(), &found) != 0) {
      if (errno != ENOENT) fail("looking at", upto);
      ensure_directory(AT_FDCWD, upto, mode);
    } else if (!S_ISDIR(found.st_mode)) {
      throw SystemError(ENOTDIR, base::concat("making the folder ", base::printable(path), ": ", base::printable(upto),
                                              " is not a folder"));
    }
    upto += '/';
  }
}

void rename_to(int from_dir, const std::string& from, int to_dir, const std::string& to) {
  fault_point("rename");
  if (::renameat2(from_dir, from.c_str(), to_dir, to.c_str(), RENAME_NOREPLACE) != 0) {
    const int saved = errno;
    throw SystemError(saved, base::concat("renaming ", base::printable(from), " to ", base::printable(to)));
  }
  fault_point("rename done");
}

bool remove_file(int dir, const std::string& name) {
  fault_point("unlink");
  const int result = ::unlinkat(dir, name.c_str(), 0);
  if (result != 0 && errno != ENOENT) fail("removing the file", name);
  fault_point("unlink done");
  return result == 0;
}

bool remove_directory(int dir, const std::string& name) {
  fault_point("rmdir");
  const int result = ::unlinkat(dir, name.c_str(), AT_REMOVEDIR);
  if (result != 0 && errno != ENOENT) fail("removing the folder", name);
  fault_point("rmdir done");
  return result == 0;
}

void sync_directory(int dir) { base::check(::fsync(dir), "syncing a folder"); }

void write_file_atomically(int dir, const std::string& name, std::string_view content, mode_t mode, bool durable) {
  const std::string temporary = base::concat(".", name.substr(0, 200), ".", base::random_token(), ".tmp");
  fault_point("create");
  const UniqueFd file(::openat(dir, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) fail("making the file", temporary);
  base::Rollback rollback;
  rollback.add([&] {
    if (::unlinkat(dir, temporary.c_str(), 0) != 0)
      base::log::warning(base::concat("the temporary file ", temporary, " could not be removed"));
  });
  base::write_all(file.get(), content, base::printable(name));
  if (::fchmod(file.get(), mode) != 0) fail("setting the mode of", name);
  if (durable && ::fsync(file.get()) != 0) fail("syncing", name);
  fault_point("rename");
  if (::renameat(dir, temporary.c_str(), dir, name.c_str()) != 0) fail("writing", name);
  rollback.commit();
  fault_point("rename done");
  if (durable) sync_directory(dir);
}

std::vector<std::string> list_directory(int dir) {
  // A descriptor of its own: the offset of a directory belongs to the open file description.
  UniqueFd again(base::check(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "listing a folder"));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(again.get()), ::closedir);
  if (!stream) base::throw_errno("listing a folder");
  static_cast<void>(again.release());
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) base::throw_errno("listing a folder");
  return names;
}

bool exists_at(int dir, const std::string& name) {
  struct stat found {};
  if (::fstatat(dir, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno != ENOENT) fail("looking at", name);
  return false;
}

}  // namespace unionroot::kernel
