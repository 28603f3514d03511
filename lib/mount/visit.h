// A thread's visit to another mount namespace. Private to lib/mount.
#pragma once

#include <functional>

#include "base/error.h"
#include "base/unique_fd.h"
#include "kernel/mounts.h"
#include "mount/namespace.h"

namespace unionroot::mount {

struct NamespaceFactory::Impl {
  explicit Impl(kernel::Mounts& calls) : mounts(calls) {}
  kernel::Mounts& mounts;
  base::UniqueFd host_namespace;
  std::uint64_t host_number = 0;
  base::UniqueFd host_root;
  base::UniqueFd host_directory;
  base::UniqueFd template_namespace;
};

class Visit;

struct Namespace::Impl {
  std::shared_ptr<NamespaceFactory::Impl> factory;
  base::UniqueFd descriptor;
  bool made_root = false;  // the root is `/` of the namespace
  // Holds the root's mount: closed first, so that closing the namespace unmounts. Members go in reverse order. Closed
  // at rest.
  base::UniqueFd root;

  // Its descriptor, opened if it is closed.
  int open_root(const Visit& visit);
};

// While it lives, the calling thread is in the namespace, with its root as root and working directory. Its end brings
// the thread back to the host, or ends the process: a thread in the wrong namespace would write into a session what
// is meant for the machine, or the other way round.
class Visit {
 public:
  Visit(const NamespaceFactory::Impl& factory, int descriptor);
  ~Visit();
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

  // The namespace's root; O_PATH.
  [[nodiscard]] int root() const { return root_.get(); }

 private:
  void leave() noexcept;
  const NamespaceFactory::Impl& factory_;
  base::UniqueFd root_;
};

// "/" as the calling thread sees it; O_PATH.
base::UniqueFd open_root();

// A recursive bind in pieces, in the host's namespace: without files of namespaces, which cannot be mounted in a
// younger one (ELOOP), and without what is mounted in `own`.
Namespace::OpenedSource open_in_pieces(kernel::Mounts& mounts, const InnerMount& entry,
                                       const std::vector<std::string>& own);

// Whether one of its pieces is left out for this error: users unmount what is theirs, rename what leads to it and put
// other things there, at any time; and what is unbindable is in no bind.
bool leaves_piece_out(const base::SystemError& error);

// Step 2 of a Namespace, in the calling thread's own namespace (a Visit is under way). `root`: the laid root.
// in_pieces: opens a bind again, on the host.
std::vector<std::string> execute_inner_mounts(
    kernel::Mounts& mounts, int template_root, int root, const MountPlan& plan,
    std::vector<Namespace::OpenedSource>& sources,
    const std::function<Namespace::OpenedSource(const InnerMount&)>& in_pieces);

// lowerdir= and so on for mount(2). Layers are named relative to the template's folder /lower: 500 of them have to fit
// into the 4 KiB that mount(2) takes. Throws Error(invalid_argument).
std::string overlay_data(std::size_t lowers, const std::string& upper, const std::string& work,
                         const std::vector<std::pair<std::string, std::string>>& options, bool volatile_upper);

// Attaches the layers in the template's folders and mounts the overlay on the template's folder `target`.
void mount_overlay(kernel::Mounts& mounts, int template_root, const std::vector<base::UniqueFd>& lowers,
                   const base::UniqueFd& store, const std::string& target, const std::string& data);

inline constexpr std::size_t most_lowers = 500;  // overlayfs's own limit

}  // namespace unionroot::mount
