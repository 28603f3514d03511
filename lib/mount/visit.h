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
  // Holds the root's mount. It is the last member, so it is closed first, and closing the namespace unmounts. Closed
  // while the session is idle.
  base::UniqueFd root;

  // Returns the root's descriptor. Opens it if it is closed.
  int open_root(const Visit& visit);
};

// During its lifetime the calling thread is in the namespace, with the namespace's root as root and working directory.
// Its end returns the thread to the host, or ends the process. A thread in the wrong namespace would write the
// machine's data into a session, or a session's data into the machine.
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

// "/" of the calling thread; O_PATH.
base::UniqueFd open_root();

// Opens a recursive bind in pieces, in the host's namespace. Leaves out files of namespaces, which cannot be mounted in
// a younger namespace (ELOOP), and what is mounted in the daemon's own folders.
Namespace::OpenedSource open_in_pieces(kernel::Mounts& mounts, const InnerMount& entry, HostMounts& host);

// True if a piece of a bind is left out after this error. Users may at any time unmount what is theirs, rename folders
// on the path, and put other things there. An unbindable mount is in no bind.
bool leaves_piece_out(const base::SystemError& error);

// Step 2 of a Namespace. The calling thread is in that namespace (a Visit is under way). `root`: the session's root.
// `in_pieces`: opens a bind again on the host, in pieces. Returns notes.
std::vector<std::string> execute_inner_mounts(
    kernel::Mounts& mounts, int template_root, int root, const MountPlan& plan,
    std::vector<Namespace::OpenedSource>& sources,
    const std::function<Namespace::OpenedSource(const InnerMount&)>& in_pieces);

// lowerdir= and so on, for mount(2). Layers are named relative to the template's folder /lower, so that 500 of them fit
// into the 4 KiB that mount(2) takes. Throws Error(invalid_argument).
std::string overlay_data(std::size_t lowers, const std::string& upper, const std::string& work,
                         const std::vector<std::pair<std::string, std::string>>& options, bool volatile_upper);

// Attaches the layers to the template's folders and mounts the overlay on the template's folder `target`.
void mount_overlay(kernel::Mounts& mounts, int template_root, const std::vector<base::UniqueFd>& lowers,
                   const base::UniqueFd& store, const std::string& target, const std::string& data);

inline constexpr std::size_t most_lowers = 500;  // the limit of overlayfs

}  // namespace unionroot::mount
