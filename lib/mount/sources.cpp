// Opens the host's side of a session's mounts, in the host's namespace, before the visit.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <optional>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/mountinfo.h"
#include "kernel/open_beneath.h"
#include "kernel/proc_options.h"
#include "mount/host_mounts.h"
#include "mount/overlay_entry.h"
#include "mount/visit.h"

namespace unionroot::mount {

using base::UniqueFd;

UniqueFd open_tree_clone(kernel::Mounts& mounts, const std::string& path, bool recursive, bool read_only) {
  UniqueFd tree = mounts.clone_tree(AT_FDCWD, path, recursive);
  // A clone of a shared mount would be shared too: mounts made in the session would appear on the host.
  mounts.set_attributes(tree.get(), read_only ? MOUNT_ATTR_RDONLY : 0, 0, recursive ? MS_SLAVE : MS_PRIVATE, recursive);
  return tree;
}

namespace {

bool holds_one_of(const std::string& folder, const std::vector<std::string>& paths) {
  return std::any_of(paths.begin(), paths.end(),
                     [&](const std::string& path) { return base::is_or_is_beneath(path, folder); });
}

bool is_in_one_of(const std::string& path, const std::vector<std::string>& folders) {
  return std::any_of(folders.begin(), folders.end(),
                     [&](const std::string& folder) { return base::is_or_is_beneath(path, folder); });
}

// The path of a descriptor, with symbolic links resolved.
std::string path_of(int descriptor, const std::string& given) {
  std::string path(PATH_MAX, '\0');
  const auto size = base::check(
      ::readlink(base::concat("/proc/self/fd/", descriptor).c_str(), path.data(), path.size()), "looking at", given);
  path.resize(static_cast<std::size_t>(size));
  return path;
}

// Decides which recursive binds are taken in pieces. The host's mounts are read once, when they are first needed.
class Host {
 public:
  explicit Host(HostMounts& mounts) : mounts_(mounts) {}

  // True if one of the daemon's folders or a file of a namespace is beneath `source`, with symbolic links resolved.
  // Then the bind leaves them all out. The kernel refuses only a file whose namespace has a lower number than the
  // target namespace, and numbers do not always show the age: each processor has its own.
  bool has_beneath(const std::string& source) {
    const UniqueFd opened(::open(source.c_str(), O_PATH | O_CLOEXEC));
    if (!opened) return false;  // whoever binds it reports the error
    const auto folder = path_of(opened.get(), source);
    if (holds_one_of(folder, own())) return true;
    return std::any_of(all().begin(), all().end(), [&](const kernel::Mount& mount) {
      return mount.type == "nsfs" && mount.target != folder && base::is_or_is_beneath(mount.target, folder);
    });
  }

  // The mounts beneath `folder`, a real path, that a bind contains, outer ones first. `left_out`: folders whose mounts
  // it does not contain; files of namespaces are added.
  std::vector<kernel::Mount> mounts_beneath(const std::string& folder, std::vector<std::string>& left_out) {
    std::vector<kernel::Mount> sorted = all(), found;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.target.size() < b.target.size(); });
    for (auto& mount : sorted) {
      if (mount.target == folder || !base::is_or_is_beneath(mount.target, folder)) continue;
      if (is_in_one_of(mount.target, left_out)) continue;
      if (mount.type == "nsfs")
        left_out.push_back(mount.target);
      else
        found.push_back(std::move(mount));
    }
    return found;
  }

  [[nodiscard]] const std::vector<std::string>& own() const { return mounts_.own(); }

 private:
  const std::vector<kernel::Mount>& all() {
    if (!all_) all_ = mounts_.others();
    return *all_;
  }

  HostMounts& mounts_;
  std::optional<std::vector<kernel::Mount>> all_;
};

bool is_missing(const base::SystemError& error) {
  return error.error_number() == ENOENT || error.error_number() == ENOTDIR;
}

Namespace::OpenedSource open_overlay_layers(kernel::Mounts& mounts, const InnerMount& entry) {
  Namespace::OpenedSource opened;
  const OverlayEntry overlay = overlay_entry(entry);
  for (const std::string& lower : overlay.lowers) opened.layers.push_back(open_tree_clone(mounts, lower, false, true));
  if (!overlay.store.empty()) opened.tree = open_tree_clone(mounts, overlay.store, false, false);
  return opened;
}

Namespace::OpenedSource open_pieces(kernel::Mounts& mounts, const InnerMount& entry, Host& host) {
  const std::uint64_t propagation = entry.slave ? MS_SLAVE : MS_PRIVATE;
  Namespace::OpenedSource opened;
  opened.tree = mounts.clone_tree(AT_FDCWD, entry.source, false);
  mounts.set_attributes(opened.tree.get(), 0, 0, propagation, false);
  const UniqueFd source(base::check(::open(entry.source.c_str(), O_PATH | O_CLOEXEC), "opening", entry.source));
  const auto folder = path_of(source.get(), entry.source);
  auto left_out = host.own();
  std::vector<std::string> settled;  // cloned or left out, with everything mounted beneath
  for (const auto& mount : host.mounts_beneath(folder, left_out)) {
    if (is_in_one_of(mount.target, settled)) continue;
    const auto path = mount.target.substr(folder == "/" ? 1 : folder.size() + 1);
    // Users can rename folders on the path to a mount of theirs, and put links there. It must be this very mount.
    const UniqueFd place(kernel::try_open_beneath(source.get(), path, O_PATH, 0, kernel::resolve_as_named));
    if (!place || kernel::try_mount_id(place.get()) != mount.id) continue;
    // A piece is as large as possible: reaching a mount below another one asks that file system, which may not answer.
    const bool whole = !holds_one_of(mount.target, left_out);
    if (whole) settled.push_back(mount.target);
    try {
      UniqueFd tree = mounts.clone_tree(place.get(), "", whole);
      mounts.set_attributes(tree.get(), 0, 0, propagation, whole);
      opened.parts.push_back({path, std::move(tree)});
    } catch (const base::SystemError& error) {
      if (!leaves_piece_out(error)) throw;
      if (!whole) settled.push_back(mount.target);
    }
  }
  return opened;
}

Namespace::OpenedSource open_source(kernel::Mounts& mounts, const InnerMount& entry, Host& host) {
  Namespace::OpenedSource opened;
  switch (entry.kind) {
    case InnerMount::Kind::filesystem:
      // An administrator who hides processes from users on the host wants them hidden in sessions too.
      if (entry.type == "proc") opened.hidden = kernel::proc_options();
      break;
    case InnerMount::Kind::bind:
      if (entry.recursive && host.has_beneath(entry.source)) return open_pieces(mounts, entry, host);
      opened.tree = mounts.clone_tree(AT_FDCWD, entry.source, entry.recursive);
      // Never shared, see open_tree_clone.
      mounts.set_attributes(opened.tree.get(), 0, 0, entry.slave ? MS_SLAVE : MS_PRIVATE, entry.recursive);
      break;
    case InnerMount::Kind::overlay: return open_overlay_layers(mounts, entry);
  }
  return opened;
}

}  // namespace

bool leaves_piece_out(const base::SystemError& error) {
  switch (error.error_number()) {
    case EACCES:
    case EINVAL:
    case ELOOP:
    case ENOENT:
    case ENOTDIR:
    case ESTALE:
    case EXDEV: return true;
    default: return false;
  }
}

Namespace::OpenedSource open_in_pieces(kernel::Mounts& mounts, const InnerMount& entry, HostMounts& host) {
  Host once(host);
  return open_pieces(mounts, entry, once);
}

std::vector<Namespace::OpenedSource> open_sources(kernel::Mounts& mounts, const MountPlan& plan, HostMounts& host) {
  std::vector<Namespace::OpenedSource> sources;
  sources.reserve(plan.mounts.size());
  Host once(host);
  for (const InnerMount& entry : plan.mounts) {
    try {
      sources.push_back(open_source(mounts, entry, once));
    } catch (const base::SystemError& error) {
      if (entry.optional && is_missing(error)) {
        Namespace::OpenedSource missing;
        missing.missing = true;
        sources.push_back(std::move(missing));
        continue;
      }
      throw base::Error(base::ErrorCode::stage_failed,
                        base::concat(entry.origin, ": opening what is to be mounted on /",
                                     base::printable(entry.target), ": ", error.what()),
                        is_missing(error) ? "make it, or add the option x-unionroot.optional to the entry" : "");
    }
  }
  return sources;
}

}  // namespace unionroot::mount
