// Step 2 of a session's namespace: the mounts beneath its root.
//
// The tree belongs to its users. Each target is resolved by openat2 beneath the session's root and used through the
// resulting descriptor. So a symbolic link cannot lead out of the root, even if it is put there during the walk.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/open_beneath.h"
#include "kernel/proc_options.h"
#include "mount/overlay_entry.h"
#include "mount/target.h"
#include "mount/visit.h"

namespace unionroot::mount {

namespace {

using base::SystemError;
using base::UniqueFd;

// nullopt if the file system refuses to tell. A file system in user space or on another machine is not asked.
std::optional<TargetKind> kind_of(const UniqueFd& place) {
  struct statx facts {};
  if (::statx(place.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &facts) != 0) return std::nullopt;
  return S_ISDIR(facts.stx_mode) ? TargetKind::directory : TargetKind::file;
}

class Executor {
 public:
  using InPieces = std::function<Namespace::OpenedSource(const InnerMount&)>;
  Executor(kernel::Mounts& mounts, int template_root, int root, const InPieces& in_pieces)
      : mounts_(mounts), template_root_(template_root), root_(root), in_pieces_(in_pieces) {}

  void make_private_dev();
  void mount(const InnerMount& entry, Namespace::OpenedSource& source);
  void hide(const std::string& path);
  std::vector<std::string> notes() { return std::move(notes_); }

 private:
  UniqueFd make_mount(const InnerMount& entry, Namespace::OpenedSource& source);
  UniqueFd make_overlay(const InnerMount& entry, Namespace::OpenedSource& source);
  void set_attributes(const InnerMount& entry, const UniqueFd& tree);
  void attach_parts(const InnerMount& entry, int bound, const Namespace::OpenedSource& source);
  UniqueFd target(const std::string& path, TargetKind kind);

  kernel::Mounts& mounts_;
  int template_root_;
  int root_;
  const InPieces& in_pieces_;
  std::vector<std::string> notes_;
};

// An O_PATH descriptor of the mount point, which is made if it is missing.
UniqueFd Executor::target(const std::string& path, TargetKind kind) {
  const int flags = O_PATH | (kind == TargetKind::directory ? O_DIRECTORY : 0);
  try {
    UniqueFd found = mounts_.open_in_root(root_, path, flags, 0);
    if (kind == TargetKind::file && kind_of(found) == TargetKind::directory)
      throw SystemError(EISDIR, base::concat("mounting a file on /", base::printable(path)));
    return found;
  } catch (const SystemError& error) {
    if (error.error_number() != ENOENT) throw;
  }
  return make_target(root_, path, kind);
}

// Contains what container runtimes provide and programs expect: no disks, no memory, no consoles of the host. The nodes
// must work, so the mount is not nodev.
void Executor::make_private_dev() {
  const UniqueFd dev = mounts_.new_filesystem("tmpfs", "dev", {{"mode", "0755"}, {"size", "64m"}},
                                              MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_STRICTATIME);
  struct Node {
    const char* name;
    unsigned major, minor;
  };
  // The numbers are from the kernel's list of devices, devices.txt.
  for (const Node& node :
       {Node{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}})
    mounts_.make_device(dev.get(), node.name, node.major, node.minor, 0666);
  struct Link {
    const char* name;
    const char* target;
  };
  for (const Link& link : {Link{"fd", "/proc/self/fd"},
                           {"stdin", "/proc/self/fd/0"},
                           {"stdout", "/proc/self/fd/1"},
                           {"stderr", "/proc/self/fd/2"},
                           {"ptmx", "pts/ptmx"}})
    mounts_.make_link(dev.get(), link.name, link.target);
  mounts_.make_folder(dev.get(), "pts", 0755);
  mounts_.make_folder(dev.get(), "mqueue", 0755);
  mounts_.make_folder(dev.get(), "shm", 01777);
  const UniqueFd place = target("dev", TargetKind::directory);
  mounts_.attach(dev.get(), place.get());
}

UniqueFd Executor::make_overlay(const InnerMount& entry, Namespace::OpenedSource& source) {
  const OverlayEntry overlay = overlay_entry(entry);
  if (overlay.lowers.empty()) {
    const UniqueFd inside = target(entry.target, TargetKind::directory);
    source.layers.push_back(mounts_.clone_tree(inside.get(), "", false));
    mounts_.set_attributes(source.layers.back().get(), MOUNT_ATTR_RDONLY, 0, MS_PRIVATE, false);
  }
  const std::string data = overlay_data(source.layers.size(), overlay.upper, overlay.work, overlay.options, false);
  try {
    mount_overlay(mounts_, template_root_, source.layers, source.tree, "scratch", data);
  } catch (const SystemError& error) {
    if (error.error_number() != ENOENT) throw;
    throw base::Error(base::ErrorCode::stage_failed, "its upperdir or its workdir does not exist",
                      "make both, on one file system: mkdir -p UPPERDIR WORKDIR");
  }
  return mounts_.open_in_root(template_root_, "scratch", O_PATH | O_DIRECTORY, 0);
}

UniqueFd Executor::make_mount(const InnerMount& entry, Namespace::OpenedSource& source) {
  switch (entry.kind) {
    case InnerMount::Kind::filesystem:
      return mounts_.new_filesystem(entry.type, entry.source, kernel::with_options_of(entry.options, source.hidden),
                                    entry.attributes);
    case InnerMount::Kind::bind: break;
    case InnerMount::Kind::overlay: source.tree = make_overlay(entry, source); break;
  }
  set_attributes(entry, source.tree);
  return std::move(source.tree);
}

void Executor::set_attributes(const InnerMount& entry, const UniqueFd& tree) {
  if (entry.attributes == 0) return;
  const std::uint64_t clear =
      (entry.attributes & (MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME)) != 0 ? MOUNT_ATTR__ATIME : 0;
  mounts_.set_attributes(tree.get(), entry.attributes, clear, 0, entry.recursive);
}

// `bound`: the attached root of the bind. Users own folders in it and may replace one by a link. So each part is opened
// beneath the bind and without links, and cannot get anywhere else. The kernel attaches no folder on a file, and no
// file on a folder (EINVAL).
void Executor::attach_parts(const InnerMount& entry, int bound, const Namespace::OpenedSource& source) {
  std::vector<std::string> left_out;
  for (const auto& part : source.parts) {
    if (std::any_of(left_out.begin(), left_out.end(),
                    [&](const std::string& path) { return base::is_or_is_beneath(part.path, path); }))
      continue;
    set_attributes(entry, part.tree);
    try {
      const UniqueFd place = kernel::open_beneath(bound, part.path, O_PATH, 0, kernel::resolve_as_named);
      mounts_.attach(part.tree.get(), place.get());
    } catch (const SystemError& error) {
      if (!leaves_piece_out(error)) throw;
      left_out.push_back(part.path);
      notes_.push_back(base::concat(entry.origin, ": what the host has mounted on ",
                                    base::printable(base::concat(entry.source, "/", part.path)),
                                    " is left out, because its mount point has changed meanwhile: ", error.what()));
    }
  }
}

void Executor::mount(const InnerMount& entry, Namespace::OpenedSource& source) try {
  if (source.missing) {
    auto note = base::concat(entry.origin, ": left out, since ",
                             entry.kind == InnerMount::Kind::bind
                                 ? base::concat("the host has no ", base::printable(entry.source))
                                 : std::string("the host lacks one of its folders"));
    if (entry.usual)
      base::log::debug(note);
    else
      notes_.push_back(std::move(note));
    return;
  }
  TargetKind kind = entry.target_kind;
  UniqueFd mounted = make_mount(entry, source);
  if (entry.kind == InnerMount::Kind::bind) kind = kind_of(mounted).value_or(kind);
  const UniqueFd place = target(entry.target, kind);
  try {
    mounts_.attach(mounted.get(), place.get());
  } catch (const SystemError& error) {
    const bool has_namespaces = error.error_number() == ELOOP && entry.kind == InnerMount::Kind::bind &&
                                entry.recursive && source.parts.empty();
    if (!has_namespaces) throw;
    source = in_pieces_(entry);
    mounted = make_mount(entry, source);
    mounts_.attach(mounted.get(), place.get());
  }
  attach_parts(entry, mounted.get(), source);
} catch (const SystemError& error) {
  if (!entry.optional || error.error_number() != EROFS) throw;
  notes_.push_back(base::concat(entry.origin, ": left out, since the tree is read-only and has no /",
                                base::printable(entry.target)));
}

void Executor::hide(const std::string& path) {
  UniqueFd place;
  try {
    place = mounts_.open_in_root(root_, path, O_PATH | O_DIRECTORY, 0);
  } catch (const SystemError& error) {
    if (error.error_number() == ENOENT) return;  // nothing to hide
    throw;
  }
  const UniqueFd empty =
      mounts_.new_filesystem("tmpfs", "hidden", {{"mode", "0755"}, {"size", "4k"}, {"nr_inodes", "2"}},
                             MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  mounts_.attach(empty.get(), place.get());
}

// What to do about it, as far as the errno tells.
std::string hint_for(const SystemError& error) {
  switch (error.error_number()) {
    case ELOOP:
      return "a symlink in the tree leads in a circle, or through /proc: change the tree or the entry's target";
    case ENOTDIR: return "something on the way to the target is not a folder: change the tree or the entry's target";
    case EROFS: return "the tree is read-only, so the target cannot be made: make it in the tree";
    default: return error.hint();
  }
}

template <typename Action>
void named(const std::string& origin, const std::string& target, Action&& action) {
  try {
    action();
  } catch (const SystemError& error) {
    throw base::Error(error.code() == base::ErrorCode::no_space ? error.code() : base::ErrorCode::stage_failed,
                      base::concat(origin, ": mounting on ", base::printable(target), ": ", error.what()),
                      hint_for(error));
  } catch (const base::Error& error) {
    throw base::Error(error.code(), base::concat(origin, ": mounting on ", base::printable(target), ": ", error.what()),
                      error.hint());
  }
}

}  // namespace

std::vector<std::string> execute_inner_mounts(
    kernel::Mounts& mounts, int template_root, int root, const MountPlan& plan,
    std::vector<Namespace::OpenedSource>& sources,
    const std::function<Namespace::OpenedSource(const InnerMount&)>& in_pieces) {
  Executor executor(mounts, template_root, root, in_pieces);
  if (!plan.devices) named("built-in", "/", [&] { mounts.set_attributes(root, MOUNT_ATTR_NODEV, 0, 0, false); });
  if (plan.private_dev) named("built-in", "/dev", [&] { executor.make_private_dev(); });
  for (std::size_t i = 0; i < plan.mounts.size(); ++i) {
    const InnerMount& entry = plan.mounts[i];
    named(entry.origin, "/" + entry.target, [&] { executor.mount(entry, sources[i]); });
  }
  for (const std::string& path : plan.hidden) named("built-in", path, [&] { executor.hide(path); });
  return executor.notes();
}

}  // namespace unionroot::mount
