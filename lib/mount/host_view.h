// The runtime folder's two mounts, and what stands in them: <runtime>/mount/<session>, the host view, and
// <runtime>/ns/<session>, the namespace kept by a bind so that it outlives the daemon.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "kernel/mounts.h"

namespace unionroot::mount {

class HostViews {
 public:
  // Makes <runtime>/mount (a small tmpfs, shared, so that an unmount reaches every copy of the mount table) and
  // <runtime>/ns (private), unless they are mounted already.
  HostViews(kernel::Mounts& mounts, std::string runtime_directory);

  void attach_view(const std::string& session, const base::UniqueFd& tree);
  void detach_view(const std::string& session);  // idempotent
  void keep_namespace(const std::string& session, int ns_descriptor);
  void drop_namespace(const std::string& session);  // idempotent
  // The folder of a view without the view, for whoever mounts something there in a namespace of his own. Both
  // idempotent; one on which a view stands is left.
  void make_folder(const std::string& session);
  void remove_folder(const std::string& session);
  [[nodiscard]] base::UniqueFd open_namespace(const std::string& session) const;  // empty if it is not kept
  [[nodiscard]] std::string view_path(const std::string& session) const;
  [[nodiscard]] bool has_view(const std::string& session) const;  // mounted, not only a folder
  [[nodiscard]] std::vector<std::string> views() const;           // names of the folders there
  [[nodiscard]] std::vector<std::string> namespaces() const;

  // Unmounts both if no session stands there; the daemon calls it when it stops.
  void release_if_empty();

 private:
  kernel::Mounts& mounts_;
  std::string runtime_;
};

}  // namespace unionroot::mount
