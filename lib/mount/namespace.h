// A session's own mount namespace: made, entered by the calling thread for one operation at a time, kept by a
// descriptor. No process lives in it but the session's own commands.
//
// How it works (measured on 6.18: 250-370 us for a whole session, flat in the number of live sessions):
//  - A template namespace, made once, holds a small tmpfs with the folders /root, /lower/N, /store, /scratch and
//    nothing else. A session's namespace is a copy of the template (unshare from within it), so the cost of a copy does
//    not grow with the host's mount table.
//  - Threads of the daemon visit with setns(2): a thread whose file system attributes are its own (unshare(CLONE_FS),
//    before each visit, since a thread shares them with those it starts) may change its mount namespace alone. Every
//    visit ends with setns back to the host's namespace and fchdir+chroot back to the factory's root and working
//    directory.
//  - Whatever comes from the host comes as a detached tree (open_tree with OPEN_TREE_CLONE in the host's namespace),
//    which is then attached inside: overlayfs accepts only layers of its own namespace (clone_private_mount).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "kernel/mounts.h"
#include "mount/plan.h"

namespace unionroot::mount {

class Namespace;

// A session's tree as it is shown on the host: detached mounts.
struct View {
  struct Part {
    std::string target;  // relative to the tree's root
    base::UniqueFd tree;
  };
  base::UniqueFd tree;
  std::vector<Part> parts;  // to be attached beneath it, in this order
};

// One per daemon; made early. Thread-safe.
class NamespaceFactory {
 public:
  explicit NamespaceFactory(kernel::Mounts& mounts);
  ~NamespaceFactory();

  // A new namespace, with nothing in it but the template.
  Namespace create();
  // One that exists already: from an nsfs file, after a restart of the daemon.
  Namespace adopt(base::UniqueFd descriptor);

  struct Impl;  // private to lib/mount

 private:
  friend class Namespace;
  friend class HostCopy;
  std::shared_ptr<Impl> impl_;
};

// Not thread-safe; a session's own lock guards it. Dropping the last descriptor (and the last process, bind and host
// view) unmounts everything in it, synchronously.
class Namespace {
 public:
  Namespace(Namespace&&) noexcept;
  Namespace& operator=(Namespace&&) noexcept;
  ~Namespace();

  // Step 1, one of the two. The trees are detached mounts; they are consumed.
  void lay_overlay(const OverlayPlan& plan, std::vector<base::UniqueFd> lowers, base::UniqueFd store);
  void lay_tree(base::UniqueFd tree);

  // After lay_overlay, and before step 3: another namespace, with nothing but what the overlay is made of. The tree
  // that was its store is at /store, its lower trees are at /lower/0 and so on, top first. The overlay keeps its layers
  // to itself: in the session's own namespace no path leads to them any more.
  [[nodiscard]] base::UniqueFd copy_layers() const;

  // Step 2. Mounts in order beneath the root; sources of binds were opened on the host by open_sources. A target that
  // is missing is made (in the upper layer); a target that leads out of the root through a symlink stays inside the
  // root (openat2), and one that cannot be resolved is Error(stage_failed) with the entry's origin. Returns notes: what
  // was passed over.
  struct OpenedSource {
    base::UniqueFd tree;  // a bind's source, or what holds an overlay's upper and work
    struct Part {
      std::string path;  // relative to the source
      base::UniqueFd tree;
    };
    std::vector<Part> parts;  // of a recursive bind that is taken in pieces: what is mounted beneath it
    bool missing = false;
    std::vector<base::UniqueFd> layers;  // an overlay's lower trees; none: what the session has at the target
    kernel::MountOptions hidden;         // a proc: what the host's /proc hides, kernel/proc_options.h
  };
  std::vector<std::string> mount_inner(const MountPlan& plan, std::vector<OpenedSource> sources);

  // Step 3. The laid root becomes `/` of the namespace and the template goes.
  void make_root();

  // After step 3: closes the descriptor of the root, which is opened again when it is needed. A session at rest is held
  // by its namespace alone, so that its end unmounts, and so that the daemon is nobody's user of its tree.
  void rest();

  // An O_PATH descriptor of the session's root: before make_root the laid tree, later `/`. Usable outside.
  [[nodiscard]] base::UniqueFd root() const;
  // A detached recursive clone of the root, to attach at the host view.
  [[nodiscard]] base::UniqueFd clone_view();
  // The root alone, and what is mounted at the targets of these. One that is not mounted is left out.
  [[nodiscard]] View clone_view(const std::vector<InnerMount>& shown);
  // Descriptors (O_PATH) of what is mounted at these, relative to the root; "": the root itself. What is not mounted is
  // left out.
  [[nodiscard]] std::vector<base::UniqueFd> open_mounts(const std::vector<std::string>& targets) const;
  // Between the two, what is mounted and unmounted in a clone_view() that somebody attached happens here as well. Then
  // every mount is again what it was: private, or a slave of the host's.
  void share_mounts();
  void unshare_mounts();
  // Calls `action` with the calling thread in it, at its root: what the thread starts is there too.
  void visit(const std::function<void()>& action) const;
  [[nodiscard]] int descriptor() const;
  [[nodiscard]] ino_t inode() const;  // of the namespace: what /proc/PID/ns/mnt shows
  // True if the root is mounted read-only although it should not be (left-overs in work/work do that).
  [[nodiscard]] bool read_only() const;

 private:
  friend class NamespaceFactory;
  struct Impl;
  explicit Namespace(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The host's side of inner binds, opened in the host's namespace before the visit: one entry per plan.mounts.
// own: folders of the daemon's; a recursive bind does not take along what is mounted in them, nor files of namespaces.
std::vector<Namespace::OpenedSource> open_sources(kernel::Mounts& mounts, const MountPlan& plan,
                                                  const std::vector<std::string>& own = {});

// A detached clone of a host directory. read_only: MOUNT_ATTR_RDONLY on the clone, so that it can never be written
// through. Throws SystemError.
base::UniqueFd open_tree_clone(kernel::Mounts& mounts, const std::string& path, bool recursive, bool read_only);

}  // namespace unionroot::mount
