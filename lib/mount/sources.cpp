// The host's side of a session's mounts: opened in the host's namespace, before the visit.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "kernel/proc_options.h"
#include "mount/overlay_entry.h"
#include "mount/visit.h"

namespace unionroot::mount {

using base::UniqueFd;

UniqueFd open_tree_clone(kernel::Mounts& mounts, const std::string& path, bool recursive, bool read_only) {
  UniqueFd tree = mounts.clone_tree(AT_FDCWD, path, recursive);
  // A clone of a shared mount would be shared with it: mounts made in the session would appear on the host.
  mounts.set_attributes(tree.get(), read_only ? MOUNT_ATTR_RDONLY : 0, 0, recursive ? MS_SLAVE : MS_PRIVATE, recursive);
  return tree;
}

namespace {

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

Namespace::OpenedSource open_source(kernel::Mounts& mounts, const InnerMount& entry) {
  Namespace::OpenedSource opened;
  switch (entry.kind) {
    case InnerMount::Kind::filesystem:
      // An administrator who hides processes from users on the host does not mean to show them in sessions.
      if (entry.type == "proc") opened.hidden = kernel::proc_options();
      break;
    case InnerMount::Kind::bind:
      opened.tree = mounts.clone_tree(AT_FDCWD, entry.source, entry.recursive);
      // Never shared: mounts made in the session would appear on the host.
      mounts.set_attributes(opened.tree.get(), 0, 0, entry.slave ? MS_SLAVE : MS_PRIVATE, entry.recursive);
      break;
    case InnerMount::Kind::overlay: return open_overlay_layers(mounts, entry);
  }
  return opened;
}

}  // namespace

std::vector<Namespace::OpenedSource> open_sources(kernel::Mounts& mounts, const MountPlan& plan) {
  std::vector<Namespace::OpenedSource> sources;
  sources.reserve(plan.mounts.size());
  for (const InnerMount& entry : plan.mounts) {
    try {
      sources.push_back(open_source(mounts, entry));
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
