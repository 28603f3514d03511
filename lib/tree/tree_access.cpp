#include "tree/tree_access.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/open_beneath.h"
#include "kernel/protection.h"
#include "kernel/regular_file.h"
#include "tree/host_files.h"

namespace unionroot::tree {

namespace {

constexpr const char* mark_name = "trusted.unionroot.copied";

std::string folder_of_path(const std::string& path) {
  const auto folder = base::parent_path(path);
  return folder.empty() ? "." : std::string(folder);
}

struct statx status_of(int descriptor, const std::string& path) {
  struct statx status {};
  base::check(::statx(descriptor, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &status), "looking at", path);
  return status;
}

std::string version_text(const struct statx& status) {
  const auto nanoseconds = [](const statx_timestamp& time) { return base::concat(time.tv_sec, ".", time.tv_nsec); };
  return base::concat(status.stx_dev_major, ":", status.stx_dev_minor, ":", status.stx_ino, ":", status.stx_size, ":",
                      nanoseconds(status.stx_mtime), ":", nanoseconds(status.stx_ctime));
}

// True if the error means that the path does not exist inside the tree.
bool leads_nowhere(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG; }

std::optional<std::string> settled_text(const struct stat& status) {
  const auto version = base::version_of(status);
  if (!base::is_settled(version)) return std::nullopt;
  return base::text_of(version);
}

}  // namespace

std::string_view describe(Found found) {
  switch (found) {
    case Found::file: return "the tree has it";
    case Found::absent: return "the tree does not have it";
    case Found::no_folder: return "the tree has no such folder";
    case Found::other_mount: return "in the session it lies in another mount";
    case Found::not_a_file: return "in the tree it is not a regular file";
    case Found::too_large: return "in the tree it is larger than 16 MiB";
  }
  return "unknown";
}

TreeAccess::TreeAccess(int root, std::string temporary)
    : root_(root), temporary_(std::move(temporary)), mount_(status_of(root, "the tree's root").stx_mnt_id) {}

TreeAccess::Folder& TreeAccess::folder_of(const std::string& path) {
  const std::string name = folder_of_path(path);
  const auto known = folders_.find(name);
  if (known != folders_.end()) return known->second;
  Folder folder;
  folder.handle = kernel::find_in_tree(root_, name, O_DIRECTORY);
  if (folder.handle) {
    const auto status = status_of(folder.handle.get(), name);
    folder.found = status.stx_mnt_id == mount_ ? Found::file : Found::other_mount;
    folder.is_protected = kernel::is_protected(status);
  }
  return folders_.emplace(name, std::move(folder)).first->second;
}

// Fills in everything but the content. handle: an O_PATH descriptor of the file, if there is one.
TreeFile TreeAccess::look(const std::string& path, base::UniqueFd& handle) {
  TreeFile file;
  const Folder& folder = folder_of(path);
  if (folder.found != Found::file) {
    file.found = folder.found;
    return file;
  }
  file.is_protected = folder.is_protected;
  handle = kernel::find_in_tree(folder.handle.get(), std::string(base::file_name(path)), O_NOFOLLOW);
  if (!handle) return file;
  struct statx status = status_of(handle.get(), path);
  file.version = version_text(status);
  file.is_protected |= kernel::is_protected(status);
  if (S_ISLNK(status.stx_mode) && status.stx_mnt_id == mount_) {
    file.symlink = true;
    handle = kernel::find_in_tree(root_, path);
    if (!handle) return file;
    status = status_of(handle.get(), path);
    file.version += base::concat("->", version_text(status));
    // A symlink is replaced and its target is left alone. So an unusable target does not matter.
    if (!S_ISREG(status.stx_mode) || status.stx_mnt_id != mount_ || status.stx_size > largest_file) return file;
  }
  if (status.stx_mnt_id != mount_)
    file.found = Found::other_mount;
  else if (!S_ISREG(status.stx_mode))
    file.found = Found::not_a_file;
  else if (status.stx_size > largest_file)
    file.found = Found::too_large;
  else
    file.found = Found::file;
  if (file.found != Found::file) return file;
  file.mode = status.stx_mode & 07777u;
  file.uid = status.stx_uid;
  file.gid = status.stx_gid;
  return file;
}

TreeFile TreeAccess::read(const std::string& path) {
  base::UniqueFd handle;
  TreeFile file = look(path, handle);
  if (file.found != Found::file) return file;
  const auto opened = kernel::open_regular(handle.get(), path);
  file.content = base::read_all(opened.descriptor.get(), path, largest_file);
  return file;
}

std::optional<std::string> TreeAccess::version(const std::string& path) {
  const Folder& folder = folder_of(path);
  if (folder.found != Found::file) return std::string(describe(folder.found));
  struct stat status {};
  if (::fstatat(folder.handle.get(), std::string(base::file_name(path)).c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (!leads_nowhere(errno)) base::throw_errno("looking at", path);
    return "absent";
  }
  auto text = settled_text(status);
  if (!text || !S_ISLNK(status.st_mode)) return text;
  const base::UniqueFd target = kernel::find_in_tree(root_, path);
  if (!target) return base::concat(*text, "->nowhere");
  base::check(::fstat(target.get(), &status), "looking at", path);
  const auto target_text = settled_text(status);
  if (!target_text) return std::nullopt;
  return base::concat(*text, "->", *target_text);
}

int TreeAccess::writable_folder_of(const std::string& path) {
  const Folder& folder = folder_of(path);
  if (folder.found == Found::file) return folder.handle.get();
  throw base::Error(base::ErrorCode::failed, base::concat("writing ", path, ": ", describe(folder.found)));
}

void TreeAccess::write(const std::string& path, std::string_view content, mode_t mode, uid_t uid, gid_t gid) {
  const int folder = writable_folder_of(path);
  kernel::write_in_tree(folder, std::string(base::file_name(path)), content, mode, uid, gid, temporary_);
}

std::optional<struct stat> TreeAccess::replace(const std::string& path, const TreeFile& read, std::string_view content,
                                               mode_t mode, uid_t uid, gid_t gid) {
  const int folder = writable_folder_of(path);
  const auto is_as_read = [&] {
    base::UniqueFd handle;
    const TreeFile now = look(path, handle);
    return now.found == read.found && now.version == read.version;
  };
  return kernel::write_in_tree(folder, std::string(base::file_name(path)), content, mode, uid, gid, temporary_,
                               is_as_read);
}

base::UniqueFd TreeAccess::open_lock(const std::string& path, bool& made) {
  made = false;
  const Folder& folder = folder_of(path);
  if (folder.found != Found::file) return {};
  constexpr int flags = O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  base::UniqueFd file(kernel::try_open_beneath(folder.handle.get(), std::string(base::file_name(path)),
                                               flags | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, kernel::resolve_in_root));
  made = bool(file);
  if (made) return file;
  if (errno != EEXIST) base::throw_errno("making", path);
  const base::UniqueFd there = regular_file(path);
  if (!there) return {};
  file.reset(::open(base::concat("/proc/self/fd/", there.get()).c_str(), flags));
  if (!file && errno != EAGAIN) base::throw_errno("opening", path);
  return file;
}

void TreeAccess::unprotect(const std::string& path) {
  Folder& folder = folder_of(path);
  if (folder.found != Found::file) return;
  if (folder.is_protected) kernel::unprotect(folder.handle.get(), path);
  folder.is_protected = false;
  const auto file = regular_file(path);
  if (file && kernel::is_protected(file.get(), path)) kernel::unprotect(file.get(), path);
}

void TreeAccess::remove_half_written(const std::string& path) {
  const Folder& folder = folder_of(path);
  if (folder.found == Found::file && kernel::exists_at(folder.handle.get(), temporary_))
    kernel::remove_file(folder.handle.get(), temporary_);
}

// Returns an O_PATH descriptor. Empty if this name is no regular file. Follows no symlink.
base::UniqueFd TreeAccess::regular_file(const std::string& path) {
  const Folder& folder = folder_of(path);
  if (folder.found != Found::file) return {};
  auto file = kernel::find_in_tree(folder.handle.get(), std::string(base::file_name(path)), O_NOFOLLOW);
  if (!file) return {};
  const auto status = status_of(file.get(), path);
  if (!S_ISREG(status.stx_mode) || status.stx_mnt_id != mount_) return {};
  return file;
}

void TreeAccess::set_mark(const std::string& path, const std::string& mark) {
  const base::UniqueFd file = regular_file(path);
  if (!file) return;  // somebody removed it
  const auto place = base::concat("/proc/self/fd/", file.get());
  base::fault_point("mark");
  if (::setxattr(place.c_str(), mark_name, mark.data(), mark.size(), 0) != 0 && errno != ENOTSUP && errno != ENOSPC)
    base::throw_errno("marking", path);
  base::fault_point("mark done");
}

std::string TreeAccess::mark(const std::string& path) {
  const base::UniqueFd file = regular_file(path);
  if (!file) return {};
  char value[64];
  const auto size = ::getxattr(base::concat("/proc/self/fd/", file.get()).c_str(), mark_name, value, sizeof value);
  return size < 0 ? std::string() : std::string(value, static_cast<std::size_t>(size));
}

}  // namespace unionroot::tree
