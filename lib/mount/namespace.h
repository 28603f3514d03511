// A session's own mount namespace. The calling thread enters it for one operation at a time. A descriptor keeps it. Its
// only processes are the session's own commands.
//
// How it works (measured on 6.18: 250-370 us for a whole session, whatever the number of live sessions):
//  - A template namespace is made once. It contains a small tmpfs with the folders /root, /lower/N, /store and
//    /scratch, and nothing else. A session's namespace is a copy of the template (unshare from within it), so the cost
//    of a copy does not grow with the host's mount table.
//  - Threads of the daemon visit it with setns(2). A thread may change its mount namespace only if its file system
//    attributes are its own. So each visit begins with unshare(CLONE_FS), because a thread shares them with the threads
//    that it starts. Each visit ends with setns back to the host's namespace, and with fchdir and chroot back to the
//    factory's root and working directory.
//  - Everything from the host comes as a detached tree (open_tree with OPEN_TREE_CLONE in the host's namespace), which
//    is attached inside, because overlayfs accepts only layers of its own namespace (clone_private_mount).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "kernel/mounts.h"
#include "mount/plan.h"

namespace unionroot::mount {

class HostMounts;

class Namespace;

// A session's tree as the host view shows it: detached mounts.
struct View {
  struct Part {
    std::string target;  // relative to the tree's root
    base::UniqueFd tree;
  };
  base::UniqueFd tree;
  std::vector<Part> parts;  // to be attached beneath `tree`, in this order
};

// One per daemon, made early. Thread-safe.
class NamespaceFactory {
 public:
  explicit NamespaceFactory(kernel::Mounts& mounts);
  ~NamespaceFactory();

  // A new namespace that contains only the template.
  Namespace create();
  // A namespace that exists already: from an nsfs file, after a restart of the daemon.
  Namespace adopt(base::UniqueFd descriptor);

  struct Impl;  // private to lib/mount

 private:
  friend class Namespace;
  friend class HostCopy;
  std::shared_ptr<Impl> impl_;
};

// Not thread-safe: the session's own lock guards it. When its last descriptor, process, bind and host view are gone,
// everything in it is unmounted, synchronously.
class Namespace {
 public:
  Namespace(Namespace&&) noexcept;
  Namespace& operator=(Namespace&&) noexcept;
  ~Namespace();

  // Step 1, one of the two. The trees are detached mounts and are consumed.
  void lay_overlay(const OverlayPlan& plan, std::vector<base::UniqueFd> lowers, base::UniqueFd store);
  void lay_tree(base::UniqueFd tree);

  // After lay_overlay, and before step 3: makes another namespace that contains only the layers of the overlay. Its
  // store is at /store, its lower trees are at /lower/0 and so on, top first. After step 3 no path in the session's own
  // namespace leads to the layers.
  [[nodiscard]] base::UniqueFd copy_layers() const;

  // Step 2. Mounts the plan in order beneath the root. open_sources has opened the sources of binds on the host. A
  // missing target is made (in the upper layer). A symbolic link in a target is resolved inside the root (openat2). A
  // target that cannot be resolved gives Error(stage_failed) with the entry's origin. Returns notes on what was left
  // out.
  struct OpenedSource {
    base::UniqueFd tree;  // a bind's source, or the folder with an overlay's upper and work
    struct Part {
      std::string path;  // relative to the source
      base::UniqueFd tree;
    };
    std::vector<Part> parts;  // of a recursive bind that is opened in pieces: the mounts beneath it
    bool missing = false;
    std::vector<base::UniqueFd> layers;  // an overlay's lower trees; none: the session's tree at the target
    kernel::MountOptions hidden;         // for a proc: what the host's /proc hides, kernel/proc_options.h
  };
  std::vector<std::string> mount_inner(const MountPlan& plan, std::vector<OpenedSource> sources);

  // Step 3. The session's root becomes `/` of the namespace, and the template is unmounted.
  void make_root();

  // After step 3: closes the descriptor of the root, which is opened again when it is needed. Then only the namespace
  // holds an idle session. So the end of the session unmounts everything, and the daemon is not a user of its tree.
  void rest();

  // An O_PATH descriptor of the session's root: the tree of step 1 before make_root, `/` later. Usable outside.
  [[nodiscard]] base::UniqueFd root() const;
  // A detached recursive clone of the root, to attach as the host view.
  [[nodiscard]] base::UniqueFd clone_view();
  // The root without what is mounted in it, and the mounts at these targets. A target that is not mounted is left out.
  [[nodiscard]] View clone_view(const std::vector<InnerMount>& shown);
  // O_PATH descriptors of the mounts at these targets, relative to the root; "": the root itself. A target that is not
  // mounted is left out.
  [[nodiscard]] std::vector<base::UniqueFd> open_mounts(const std::vector<std::string>& targets) const;
  // Between these two calls, mounts and unmounts in an attached clone_view() happen here too. After unshare_mounts
  // every mount is again private, or a slave of the host's.
  void share_mounts();
  void unshare_mounts();
  // Calls `action` with the calling thread, and what it starts, in the namespace, at its root.
  void visit(const std::function<void()>& action) const;
  [[nodiscard]] int descriptor() const;
  [[nodiscard]] ino_t inode() const;  // of the namespace: what /proc/PID/ns/mnt shows
  // True if the root is mounted read-only although it should not be: left-over files in work/work cause that.
  [[nodiscard]] bool read_only() const;

 private:
  friend class NamespaceFactory;
  struct Impl;
  explicit Namespace(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Opens the host's side of inner mounts, in the host's namespace, before the visit. The result has one entry for each
// of plan.mounts. A recursive bind contains neither the mounts in the daemon's own folders nor files of namespaces.
std::vector<Namespace::OpenedSource> open_sources(kernel::Mounts& mounts, const MountPlan& plan, HostMounts& host);

// A detached clone of a host directory. read_only sets MOUNT_ATTR_RDONLY on the clone, so that nothing can be written
// through it. Throws SystemError.
base::UniqueFd open_tree_clone(kernel::Mounts& mounts, const std::string& path, bool recursive, bool read_only);

}  // namespace unionroot::mount
