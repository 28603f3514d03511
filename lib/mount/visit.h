// A thread's visit to another mount namespace. Private to lib/mount.
#pragma once

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

// Step 2 of a Namespace, in the calling thread's own namespace (a Visit is under way). `root`: the laid root.
std::vector<std::string> execute_inner_mounts(kernel::Mounts& mounts, int template_root, int root,
                                              const MountPlan& plan, std::vector<Namespace::OpenedSource>& sources);

// lowerdir= and so on for mount(2). Layers are named relative to the template's folder /lower: 500 of them have to fit
// into the 4 KB that mount(2) takes. Throws Error(invalid_argument).
std::string overlay_data(std::size_t lowers, const std::string& upper, const std::string& work,
                         const std::vector<std::pair<std::string, std::string>>& options, bool volatile_upper);

// Attaches the layers in the template's folders and mounts the overlay on the template's folder `target`.
void mount_overlay(kernel::Mounts& mounts, int template_root, const std::vector<base::UniqueFd>& lowers,
                   const base::UniqueFd& store, const std::string& target, const std::string& data);

inline constexpr std::size_t most_lowers = 500;  // overlayfs's own limit

}  // namespace unionroot::mount
