#include "archive/tree_writer.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "archive/devices.h"
#include "archive/metadata.h"
#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/open_beneath.h"

namespace unionroot::archive::detail {

using base::concat;
using base::printable;
using base::UniqueFd;

namespace {

// Without O_NOFOLLOW: it would turn the error for a symbolic link at the end of the path into ENOTDIR.
constexpr std::uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;

// image-spec, layer.md: the names by which a layer removes what the layers below have.
constexpr std::string_view mark = ".wh.";
constexpr std::string_view opaque_mark = ".wh..wh..opq";
constexpr std::string_view reserved_mark = ".wh..wh.";

std::string folder_part(const std::string& path) { return std::string(base::parent_path(path)); }

std::string name_part(const std::string& path) { return std::string(base::file_name(path)); }

}  // namespace

TreeWriter::TreeWriter(std::string archive, int folder, bool layer, std::vector<int> below)
    : archive_(std::move(archive)), folder_(folder), layer_(layer), below_(std::move(below)) {
  Folder root;
  root.member.name = ".";
  root.member.type = Type::directory;
  root.member.mode = 0755;
  inherit(root, "");
  folders_.emplace("", std::move(root));
}

void TreeWriter::fail(const Member& member, std::string_view doing) const {
  const int saved = errno;
  if (saved == EEXIST) refuse(archive_, member.name, "is there twice: something else has that name already");
  if (saved == ELOOP || saved == EXDEV) refuse(archive_, member.name, "leads through a symbolic link");
  if (saved == ENOTDIR) refuse(archive_, member.name, "leads through something that is not a folder");
  throw base::SystemError(saved, concat(doing, " '", printable(member.name), "' of ", printable(archive_)));
}

UniqueFd TreeWriter::open_folder(const Member& member, const std::string& path) {
  UniqueFd opened(kernel::try_open_beneath(folder_, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY, 0, resolve));
  if (!opened && errno != ENOENT) fail(member, "opening the folder of");
  return opened;
}

// Takes the folder's metadata from the layers below, if they have the folder and this layer does not hide it.
void TreeWriter::inherit(Folder& folder, const std::string& path) const {
  if (below_.empty() || hides_below(path)) return;
  const UniqueFd found = below_.find(path);
  struct stat facts {};
  if (!found || ::fstat(found.get(), &facts) != 0 || !S_ISDIR(facts.st_mode)) return;
  folder.inherits = true;
  folder.member.mode = facts.st_mode & 07777;
  folder.member.uid = facts.st_uid;
  folder.member.gid = facts.st_gid;
  folder.member.modified = facts.st_mtim;
  read_attributes(found.get(), folder.member);
  std::erase_if(folder.member.attributes, [](const auto& one) { return one.first.starts_with("trusted.overlay."); });
}

// True if a folder of this layer above `path` is opaque.
bool TreeWriter::hides_below(const std::string& path) const {
  for (std::string above = path; !above.empty();) {
    above = folder_part(above);
    if (const auto known = folders_.find(above); known != folders_.end() && known->second.opaque) return true;
  }
  return false;
}

// The target of a symbolic link that the layers below have at `path`, if this layer has nothing there.
std::optional<std::string> TreeWriter::link_below(const std::string& path) const {
  const UniqueFd own(kernel::try_open_beneath(folder_, path, O_PATH | O_NOFOLLOW, 0, resolve));
  if (own || hides_below(path)) return std::nullopt;
  const UniqueFd found = below_.find(path);
  struct stat facts {};
  if (!found || ::fstat(found.get(), &facts) != 0 || !S_ISLNK(facts.st_mode)) return std::nullopt;
  return target_of(found.get());
}

// Nothing is opened by the path that is walked here, so it may change meanwhile. The result is used as every path:
// beneath the new folder, and without following links.
std::string TreeWriter::without_links(const Member& member, const std::string& path) {
  constexpr int most_links = 40;  // the kernel's limit
  std::vector<std::string> done, rest = base::split(path, '/');
  for (int links = 0; !rest.empty();) {
    const std::string part = rest.front();
    rest.erase(rest.begin());
    if (part == "." || (part == ".." && done.empty())) continue;
    if (part == "..") {
      done.pop_back();
      continue;
    }
    done.push_back(part);
    const auto here = base::join(done, "/");
    if (folders_.contains(here)) continue;
    const auto target = link_below(here);
    if (!target) continue;
    if (++links > most_links)
      refuse(archive_, member.name, "leads through too many symbolic links of the layers below");
    done.pop_back();
    if (target->starts_with('/')) done.clear();
    const auto parts = base::split(*target, '/');
    rest.insert(rest.begin(), parts.begin(), parts.end());
  }
  return base::join(done, "/");
}

std::string TreeWriter::placed(const Member& member, const std::string& path) {
  const auto parent = folder_part(path);
  if (parent.empty()) return path;
  if (!last_placed_ || last_placed_->first != parent) last_placed_.emplace(parent, without_links(member, parent));
  const auto& real = last_placed_->second;
  return real.empty() ? name_part(path) : concat(real, "/", name_part(path));
}

void TreeWriter::place(Member& member) {
  if (below_.empty()) return;
  member.path = placed(member, member.path);
  if (member.type == Type::hard_link) member.target = placed(member, member.target);
  // The name of the next member may lead through what this one adds.
  if (member.type == Type::directory || member.type == Type::symlink) last_placed_.reset();
}

void TreeWriter::make_folder(const Member& member, const std::string& path, bool listed) {
  std::string name;
  Member inner = member;
  inner.path = path;
  inner.type = Type::directory;
  const int parent = parent_of(inner, name);
  if (layer_) take_back_mark(parent, name, inner);
  // Only root can enter it until finish().
  if (::mkdirat(parent, name.c_str(), 0700) != 0) fail(member, "making the folder");
  Folder made;
  made.member = inner;
  made.member.mode = 0755;
  made.member.uid = 0;
  made.member.gid = 0;
  made.member.attributes.clear();
  made.member.access_acl.clear();
  made.member.default_acl.clear();
  made.opaque = whiteouts_.erase(path) != 0;
  if (!listed && !made.opaque) inherit(made, path);
  folders_.emplace(path, std::move(made));
}

// True if the layer removed `path`, or a folder above it, and now has something beneath it without listing the folder.
bool TreeWriter::below_whiteout(std::string path) const {
  if (whiteouts_.empty()) return false;
  for (; !path.empty(); path = folder_part(path))
    if (whiteouts_.contains(path) && !folders_.contains(path)) return true;
  return false;
}

// The writer keeps the descriptor. Folders that the archive does not list are made.
int TreeWriter::parent_of(const Member& member, std::string& name) {
  name = name_part(member.path);
  const auto parent = folder_part(member.path);
  if (last_descriptor_ && parent == last_parent_) return last_descriptor_.get();
  auto opened = below_whiteout(parent) ? UniqueFd() : open_folder(member, parent);
  if (!opened) {
    make_folder(member, parent, false);
    opened = open_folder(member, parent);
    if (!opened) fail(member, "opening the folder of");
  }
  last_parent_ = parent;
  last_descriptor_ = std::move(opened);
  return last_descriptor_.get();
}

void TreeWriter::add_directory(const Member& member) {
  auto known = folders_.find(member.path);
  if (known == folders_.end()) {
    make_folder(member, member.path, true);
    known = folders_.find(member.path);
  }
  // A folder may be listed twice (tar -r, or concatenated archives). That is harmless: the later entry counts.
  known->second.member = member;
  known->second.listed = true;
}

void TreeWriter::finish_node(int parent, const std::string& name, const Member& member) {
  const UniqueFd made(
      kernel::try_open_beneath(parent, name, O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_XDEV));
  if (!made) fail(member, "opening the new");
  apply_metadata(made.get(), member, notes_);
}

void TreeWriter::add_symlink(const Member& member) {
  std::string name;
  const int parent = parent_of(member, name);
  if (layer_) take_back_mark(parent, name, member);
  if (::symlinkat(member.target.c_str(), parent, name.c_str()) != 0) fail(member, "making the symbolic link");
  finish_node(parent, name, member);
}

void TreeWriter::refuse_device(const Member& member, std::string_view is, mode_t type, dev_t device) const {
  refuse(archive_, member.name,
         concat(is, type == S_IFBLK ? "block" : "character", " device, ", ::major(device), ':', ::minor(device),
                ", and not in the tree's /dev"),
         "such an archive may be malicious and is not unpacked; make it again without that member, for example with "
         "tar's --exclude");
}

void TreeWriter::add_device(Member member, mode_t type) {
  // An access control list may permit access to anybody.
  const mode_t mode = type | member.mode | (member.access_acl.empty() ? 0U : S_IRWXO);
  if (!device_belongs_there(member.path, mode, member.uid, member.device))
    refuse_device(member, "is a ", type, member.device);
  if (limit_access(member) && !std::exchange(limited_devices_, true))
    add_note(notes_, concat("'", printable(member.name),
                            "' and other devices got no more permissions than the same devices of this machine"));
  add_node(member, type);
}

void TreeWriter::add_node(const Member& member, mode_t type) {
  std::string name;
  const int parent = parent_of(member, name);
  if (layer_) take_back_mark(parent, name, member);
  if (::mknodat(parent, name.c_str(), type | 0600, member.device) != 0) fail(member, "making the device or pipe");
  finish_node(parent, name, member);
}

// Follows no link on either side. The target must be a member that this archive made before.
void TreeWriter::add_hard_link(const Member& member) {
  const auto from = folder_part(member.target);
  const UniqueFd from_folder(
      kernel::try_open_beneath(folder_, from.empty() ? "." : from, O_PATH | O_DIRECTORY, 0, resolve));
  const auto why =
      concat("is a hard link to '", printable(member.target), "', which does not come before it in this archive");
  if (!from_folder) {
    if (errno == ENOENT) refuse(archive_, member.name, why);
    if (errno == ELOOP || errno == EXDEV)
      refuse(archive_, member.name,
             concat("is a hard link to '", printable(member.target), "', which leads through a symbolic link"));
    fail(member, "linking");
  }
  // A device must not leave /dev by a hard link.
  struct stat target {};
  if (::fstatat(from_folder.get(), name_part(member.target).c_str(), &target, AT_SYMLINK_NOFOLLOW) == 0 &&
      (S_ISBLK(target.st_mode) || S_ISCHR(target.st_mode)) &&
      !device_belongs_there(member.path, target.st_mode, target.st_uid, target.st_rdev))
    refuse_device(member, "is a hard link to a ", target.st_mode & S_IFMT, target.st_rdev);
  std::string name;
  const int parent = parent_of(member, name);
  if (layer_) take_back_mark(parent, name, member);
  if (::linkat(from_folder.get(), name_part(member.target).c_str(), parent, name.c_str(), 0) == 0) return;
  if (errno == ENOENT) refuse(archive_, member.name, why);
  if (errno == EPERM)
    refuse(archive_, member.name, concat("is a hard link to '", printable(member.target), "', which is a folder"));
  fail(member, "linking");
}

void TreeWriter::add(const Member& member) {
  if (member.path.empty()) {
    if (member.type != Type::directory) refuse(archive_, member.name, "is the tree itself, but not a folder");
    return add_directory(member);
  }
  if (layer_ && member.type != Type::directory && take_mark(member)) return;
  switch (member.type) {
    case Type::directory: return add_directory(member);
    case Type::symlink: return add_symlink(member);
    case Type::hard_link: return add_hard_link(member);
    case Type::character_device: return add_device(member, S_IFCHR);
    case Type::block_device: return add_device(member, S_IFBLK);
    case Type::fifo: return add_node(member, S_IFIFO);
    case Type::file: break;
  }
  const UniqueFd file = create_file(member);
  if (file) finish_file(file.get(), member);
}

UniqueFd TreeWriter::create_file(const Member& member) {
  if (member.path.empty()) refuse(archive_, member.name, "is the tree itself, but not a folder");
  if (layer_ && take_mark(member)) return {};
  std::string name;
  const int parent = parent_of(member, name);
  if (layer_) take_back_mark(parent, name, member);
  UniqueFd made(::openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!made) fail(member, "making the file");
  return made;
}

void TreeWriter::finish_file(int file, const Member& member) { apply_metadata(file, member, notes_); }

// overlayfs: a character device 0:0 hides the name in the layers below. The attribute "opaque" hides everything that
// the layers below have in a folder.
bool TreeWriter::take_mark(const Member& member) {
  std::string name = name_part(member.path);
  if (!name.starts_with(mark)) return false;
  const auto folder = folder_part(member.path);
  if (name == opaque_mark) {
    parent_of(member, name);
    folders_.at(folder).opaque = true;
    return true;
  }
  if (name.starts_with(reserved_mark)) return true;  // of aufs; it has no counterpart in overlayfs
  const auto hidden = name.substr(mark.size());
  if (hidden.empty() || hidden == "." || hidden == "..") refuse(archive_, member.name, "is a whiteout without a name");
  const auto path = folder.empty() ? hidden : folder + "/" + hidden;
  const int parent = parent_of(member, name);
  // A whiteout concerns only the layers below. What this layer itself has under the name stays, without what is below.
  if (const auto known = folders_.find(path); known != folders_.end()) {
    known->second.opaque = true;
    return true;
  }
  if (::mknodat(parent, hidden.c_str(), S_IFCHR, ::makedev(0, 0)) == 0)
    whiteouts_.insert(path);
  else if (errno != EEXIST)
    fail(member, "making the whiteout of");
  return true;
}

// The layer has something new under a name that it removed before.
void TreeWriter::take_back_mark(int parent, const std::string& name, const Member& member) {
  const auto found = whiteouts_.find(member.path);
  if (found == whiteouts_.end()) return;
  if (::unlinkat(parent, name.c_str(), 0) != 0) fail(member, "replacing the whiteout of");
  if (member.type != Type::directory) whiteouts_.erase(found);  // for a folder, make_folder turns it into `opaque`
}

void TreeWriter::finish() {
  for (auto entry = folders_.rbegin(); entry != folders_.rend(); ++entry) {
    const auto& [path, folder] = *entry;
    const UniqueFd opened = open_folder(folder.member, path);
    if (!opened) fail(folder.member, "opening the folder");
    if (folder.opaque && ::fsetxattr(opened.get(), "trusted.overlay.opaque", "y", 1, 0) != 0)
      fail(folder.member, "marking as opaque");
    Member member = folder.member;
    if (!folder.listed && !folder.inherits) {
      struct stat made {};
      if (::fstat(opened.get(), &made) != 0) fail(folder.member, "looking at");
      member.modified = made.st_mtim;
    }
    apply_metadata(opened.get(), member, notes_);
  }
}

}  // namespace unionroot::archive::detail
