#include "kernel/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

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

// Sets the requested mode, whatever the umask of the process is.
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
  // Folders above our own may be symbolic links made by the administrator (/var/run -> /run), so links are followed.
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
  if (const int error = base::rename_without_replacing(from_dir, from, to_dir, to); error != 0) {
    throw SystemError(error, base::concat("renaming ", base::printable(from), " to ", base::printable(to)));
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

namespace {

// journal_task: ABI/testing/sysfs-fs-ext4 in the kernel's documentation.
bool is_ext4_without_journal(int dir) {
  struct statfs system {};
  struct stat facts {};
  if (::fstatfs(dir, &system) != 0 || system.f_type != EXT4_SUPER_MAGIC || ::fstat(dir, &facts) != 0) return false;
  std::error_code error;
  const auto device = std::filesystem::read_symlink(
      base::concat("/sys/dev/block/", major(facts.st_dev), ":", minor(facts.st_dev)), error);
  if (error) return false;
  const auto task = base::try_read_file(base::concat("/sys/fs/ext4/", device.filename().string(), "/journal_task"));
  return task && task->starts_with("<none>");
}

}  // namespace

// ext4 makes a folder near its parent, and a file near its folder. Without a journal it does not reuse an inode for a
// minute after its deletion, and for each new inode it looks at every such inode of the block group (fs/ext4/ialloc.c,
// recently_deleted). A session has eleven inodes. If sessions come and go, these searches cost more than the rest of a
// begin. The attribute T of chattr(1) makes ext4 choose another block group for each session.
void spread_folders(const std::string& path) {
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || !is_ext4_without_journal(folder.get())) return;
  int flags = 0;
  if (::ioctl(folder.get(), FS_IOC_GETFLAGS, &flags) != 0 || (flags & FS_TOPDIR_FL) != 0) return;
  flags |= FS_TOPDIR_FL;
  fault_point("spread");
  if (::ioctl(folder.get(), FS_IOC_SETFLAGS, &flags) != 0)
    base::log::debug(base::concat("setting the attribute T of ", path, ": error ", errno));
  fault_point("spread done");
}

void sync_directory(int dir) { base::check(::fsync(dir), "syncing a folder"); }

namespace {

constexpr std::string_view temporary_end = ".tmp";

std::string temporary_start(const std::string& name) { return base::concat(".", name.substr(0, 200), "."); }

}  // namespace

bool is_left_of_write(const std::string& entry, const std::string& name) {
  return entry.starts_with(temporary_start(name)) && entry.ends_with(temporary_end);
}

void write_file_atomically(int dir, const std::string& name, std::string_view content, mode_t mode, bool durable) {
  const std::string temporary = base::concat(temporary_start(name), base::random_token(), temporary_end);
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

namespace {

bool is_folder(int dir, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  struct stat found {};
  return ::fstatat(dir, entry.d_name, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(found.st_mode);
}

}  // namespace

std::vector<std::string> list_directory(int dir, Listed which) {
  // Opened again, because the offset of a directory belongs to the open file description.
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
    if (name == "." || name == ".." || (which == Listed::folders && !is_folder(dir, *entry))) continue;
    names.emplace_back(name);
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
