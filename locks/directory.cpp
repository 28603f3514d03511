#include "locks/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "base/fault_point.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/rollback.h"
#include "base/text.h"

namespace unionroot::locks::detail {

using base::check;
using base::fault_point;
using base::LockType;
using base::UniqueFd;

namespace {

// Bytes of a lock file that are locked: the first by every owner, the second also by an owner who waits. fcntl(2)
// allows locks on any byte, whatever the file's size.
constexpr off_t owner_byte = 0;
constexpr off_t waiting_byte = 1;

enum class Kernel { unlocked, held, waiting };

// Asks once for both bytes, because an owner may die at any time and then loses both locks. The kernel reports adjacent
// locks of one owner as one lock.
//
// Asks whether a READ lock would be refused. Only a write lock refuses it, and only root can open the file for writing.
// So a read lock of an unprivileged user has no effect.
Kernel kernel_state(int descriptor) {
  struct flock lock {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = owner_byte;
  lock.l_len = waiting_byte + 1;
  check(::fcntl(descriptor, F_OFD_GETLK, &lock), "asking for the holder of a lock file");
  if (lock.l_type == F_UNLCK) return Kernel::unlocked;
  return lock.l_start == owner_byte && lock.l_len == waiting_byte + 1 ? Kernel::waiting : Kernel::held;
}

constexpr std::size_t longest_content = 65536;
constexpr mode_t lock_file_mode = 0644;

void decide_state(Entry& entry, Kernel kernel) {
  auto& info = entry.info;
  if (entry.locked) {
    const bool waits = info.kind == LockKind::source && kernel == Kernel::waiting;
    info.state = waits ? LockState::waiting : LockState::held;
  } else if (entry.broken) {
    info.state = LockState::stale;
  } else if (info.kind == LockKind::session && info.owner.preserved && entry.name.token.empty()) {
    info.state = LockState::preserved;
  } else {
    // The lock is free but the owner still runs: it closed the descriptor without a release. The file counts until the
    // owner ends.
    info.state = base::is_alive(info.owner.process) ? LockState::held : LockState::stale;
  }
}

UniqueFd open_new(const Directory& directory, const std::string& key, Creation how, std::string& temporary) {
  const int flags = O_RDWR | O_CLOEXEC;
  if (how == Creation::unnamed) {
    const int unnamed = ::openat(directory.descriptor(), ".", flags | O_TMPFILE, lock_file_mode);
    if (unnamed >= 0) return UniqueFd(unnamed);
    if (errno != EOPNOTSUPP && errno != EISDIR) base::throw_errno("making a lock file in", directory.path());
  }
  temporary = temporary_name(key);
  // Mode 0600 until it is locked, so that nobody else can put a read lock on it first.
  return UniqueFd(
      check(::openat(directory.descriptor(), temporary.c_str(), flags | O_CREAT | O_EXCL | O_NOFOLLOW, 0600),
            "making a lock file in", directory.path()));
}

int link_at(const Directory& directory, int descriptor, const std::string& temporary, const std::string& name) {
  const int folder = directory.descriptor();
  if (!temporary.empty()) return ::linkat(folder, temporary.c_str(), folder, name.c_str(), 0);
  const int linked = ::linkat(descriptor, "", folder, name.c_str(), AT_EMPTY_PATH);
  if (linked == 0 || errno != ENOENT) return linked;
  // linkat(2): AT_EMPTY_PATH needs CAP_DAC_READ_SEARCH. The path in /proc does not.
  const auto path = base::concat("/proc/self/fd/", descriptor);
  return ::linkat(AT_FDCWD, path.c_str(), folder, name.c_str(), AT_SYMLINK_FOLLOW);
}

}  // namespace

Directory::Directory(std::string path) : path_(std::move(path)) {
  fault_point("lock_directory_make");
  if (::mkdir(path_.c_str(), 0755) < 0 && errno != EEXIST) {
    const int saved = errno;
    throw base::SystemError(saved, base::concat("making the lock directory ", path_),
                            "it is made by unionrootd when it first starts, and its parent must exist");
  }
  fault_point("lock_directory_made");
  descriptor_ = UniqueFd(check(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                               "opening the lock directory", path_));
  struct stat status {};
  check(::fstat(descriptor_.get(), &status), "examining the lock directory", path_);
  if ((status.st_uid != 0 && status.st_uid != ::geteuid()) || (status.st_mode & 022) != 0)
    throw base::Error(base::ErrorCode::failed, base::concat("the lock directory ", path_, " can be written by others"),
                      base::concat("chown root ", path_, " && chmod 755 ", path_));
}

std::vector<std::string> Directory::names() const { return names_in(descriptor_.get(), path_); }

std::vector<std::string> names_in(int folder, const std::string& path) {
  // Opens the folder again: the read position belongs to the open file description.
  UniqueFd fresh(check(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", path));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fresh.get()), ::closedir);
  if (!stream) base::throw_errno("listing", path);
  [[maybe_unused]] const int owned_by_stream = fresh.release();
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) base::throw_errno("listing", path);
    if (entry == nullptr) return names;
    names.emplace_back(entry->d_name);
  }
}

std::optional<Inode> inode_of(const Directory& directory, const std::string& name) {
  struct stat status {};
  if (::fstatat(directory.descriptor(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
    return Inode{status.st_dev, status.st_ino};
  if (errno == ENOENT) return std::nullopt;
  base::throw_errno("examining", name);
}

Inode inode_of(int descriptor) {
  struct stat status {};
  check(::fstat(descriptor, &status), "examining a lock file");
  return {status.st_dev, status.st_ino};
}

std::optional<Entry> probe(const Directory& directory, const FileName& name) {
  Entry entry{name, file_name(name), {}, false, false};
  entry.info.kind = name.kind;
  entry.info.key = name.key;
  entry.info.file = directory.full(entry.file);
  // O_NONBLOCK: opening must not block, whatever the name refers to.
  const UniqueFd file(
      ::openat(directory.descriptor(), entry.file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  const int error = errno;
  struct stat status {};
  if (file) check(::fstat(file.get(), &status), "examining", entry.info.file);
  if (!file && error == ENOENT) return std::nullopt;
  if (!file && error != ELOOP && error != ENXIO && error != EACCES)
    throw base::SystemError(error, base::concat("opening ", entry.info.file));
  auto kernel = Kernel::unlocked;
  if (file && S_ISREG(status.st_mode)) {
    kernel = kernel_state(file.get());
    entry.locked = kernel != Kernel::unlocked;
    // An error of read(2) is thrown: a failing disk says nothing about the owner.
    if (auto owner = parse_owner(base::read_all(file.get(), entry.info.file, longest_content)))
      entry.info.owner = std::move(*owner);
    else
      entry.broken = true;
  } else {
    entry.broken = true;
    entry.locked = !file && error == EACCES;  // a file that may not be opened counts as held
  }
  if (entry.broken) entry.info.owner.purpose = "unreadable lock file";
  if (name.kind == LockKind::session) entry.info.owner.session = name.holder;
  decide_state(entry, kernel);
  return entry;
}

std::vector<Entry> probe_all(const Directory& directory, const std::string& key) {
  std::vector<Entry> entries;
  for (const auto& text : directory.names()) {
    const auto name = parse_file_name(text);
    if (!name || name->key != key) continue;
    if (auto entry = probe(directory, *name)) entries.push_back(std::move(*entry));
  }
  return entries;
}

void remove_file(const Directory& directory, const std::string& name) {
  fault_point("lock_unlink");
  if (::unlinkat(directory.descriptor(), name.c_str(), 0) < 0 && errno != ENOENT)
    base::throw_errno("removing the lock file", name);
  fault_point("lock_unlinked");
}

void set_aside(const Directory& directory, const std::string& name) {
  const auto aside = base::concat(".broken-", base::random_token(), "-", std::string_view(name).substr(0, 200));
  fault_point("lock_set_aside");
  check(::renameat(directory.descriptor(), name.c_str(), directory.descriptor(), aside.c_str()), "setting aside", name);
  fault_point("lock_was_set_aside");
}

bool remove_if_stale(const Directory& directory, const Entry& entry) {
  if (entry.info.state != LockState::stale) return false;
  if (entry.broken)
    set_aside(directory, entry.file);
  else
    remove_file(directory, entry.file);
  return true;
}

std::vector<Entry> sweep(const Directory& directory, const std::string& key) {
  auto entries = probe_all(directory, key);
  std::erase_if(entries, [&](const Entry& entry) { return remove_if_stale(directory, entry); });
  return entries;
}

std::optional<UniqueFd> create_locked(const Directory& directory, const FileName& name, const LockOwner& owner,
                                      bool waiting, Creation how) {
  const auto file = file_name(name);
  const auto unlink_quietly = [&directory](const std::string& which) {
    // Errors are ignored: an earlier failure is being reported. A file that remains is stale once its owner ends.
    if (!which.empty()) ::unlinkat(directory.descriptor(), which.c_str(), 0);
  };
  std::string temporary;
  base::Rollback rollback;
  rollback.add([&] { unlink_quietly(temporary); });
  fault_point("lock_create");
  UniqueFd descriptor = open_new(directory, name.key, how, temporary);
  fault_point("lock_created");
  if (!base::try_lock(descriptor.get(), LockType::write, directory.full(file), owner_byte,
                      waiting ? waiting_byte + 1 : 1))
    throw base::Error(base::ErrorCode::failed,
                      base::concat("locking the new ", directory.full(file), ": another process was faster"));
  fault_point("lock_taken");
  base::write_all(descriptor.get(), format_owner(owner), directory.full(file));
  struct stat status {};
  check(::fstat(descriptor.get(), &status), "examining", file);
  if ((status.st_mode & 0777) != lock_file_mode)  // because of the caller's umask, or because it was created with 0600
    check(::fchmod(descriptor.get(), lock_file_mode), "making readable", file);
  fault_point("lock_link");
  if (link_at(directory, descriptor.get(), temporary, file) < 0) {
    if (errno == EEXIST) return std::nullopt;
    base::throw_errno("making the lock file", file);
  }
  rollback.add([&] { unlink_quietly(file); });
  fault_point("lock_linked");
  if (!temporary.empty()) remove_file(directory, temporary);
  rollback.commit();
  return descriptor;
}

std::optional<UniqueFd> lock_again(const Directory& directory, const Entry& entry,
                                   const base::ProcessIdentity& process) {
  UniqueFd file(
      ::openat(directory.descriptor(), entry.file.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) < 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  // A file with a second name is held by running commands. Its lock stays theirs.
  if (status.st_nlink != 1 || status.st_uid != ::geteuid() || (status.st_mode & 0777) != lock_file_mode)
    return std::nullopt;
  const auto old_lines = format_process(entry.info.owner.process);
  const auto new_lines = format_process(process);
  std::string there(old_lines.size(), '\0');
  if (::pread(file.get(), there.data(), there.size(), 0) != static_cast<ssize_t>(there.size())) return std::nullopt;
  if (there != old_lines || new_lines.size() != old_lines.size()) return std::nullopt;
  fault_point("lock_again");
  if (!base::try_lock(file.get(), LockType::write, entry.info.file, owner_byte, 1)) return std::nullopt;
  fault_point("lock_locked_again");
  if (::pwrite(file.get(), new_lines.data(), new_lines.size(), 0) != static_cast<ssize_t>(new_lines.size()))
    return std::nullopt;
  fault_point("lock_rewritten");
  return file;
}

void end_waiting(int descriptor) {
  fault_point("lock_granted");
  static_cast<void>(base::try_lock(descriptor, LockType::none, "a source lock after waiting", waiting_byte, 1));
  fault_point("lock_was_granted");
}

void make_durable(const Directory& directory, int descriptor) {
  fault_point("lock_sync");
  check(::fsync(descriptor), "writing a lock file to disk");
  check(::fsync(directory.descriptor()), "writing the lock directory to disk", directory.path());
  fault_point("lock_synced");
}

void write_ahead(int descriptor) {
  fault_point("lock_write_ahead");
  check(::sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE), "writing a lock file to disk");
  fault_point("lock_written_ahead");
}

}  // namespace unionroot::locks::detail
