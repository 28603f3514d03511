// The runtime folder's two mounts, and what stands in them: <runtime>/mount/<session>/tree, the host view, and
// <runtime>/ns/<session>, the namespace kept by a bind so that it outlives the daemon. So is a session's own network,
// at <runtime>/ns/<session>+network, and the namespace with its layers (Namespace::copy_layers) at
// <runtime>/ns/<session>+layers.
//
// An open file in a view or in a namespace holds everything that the session is made of, also after its end. So the
// namespaces are for root alone, and a view lies in a folder that its session's owner alone may enter.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "kernel/mounts.h"
#include "mount/namespace.h"

namespace unionroot::mount {

// Who may enter the folder of a view. Root may always.
struct ViewAccess {
  uid_t owner = 0;
  bool for_all = false;
};

class HostViews {
 public:
  // Makes <runtime>/mount (a small tmpfs, shared, so that an unmount reaches every copy of the mount table) and
  // <runtime>/ns (private), unless they are mounted already. The former is mounted read-only: it has folders that users
  // own, and is not theirs to fill.
  HostViews(kernel::Mounts& mounts, std::string runtime_directory);

  void attach_view(const std::string& session, const ViewAccess& access, const View& view);
  // Idempotent. Also a view of a former version, which was mounted on <runtime>/mount/<session> itself.
  void detach_view(const std::string& session);
  void keep_namespace(const std::string& session, int ns_descriptor);
  void drop_namespace(const std::string& session);  // idempotent
  void keep_network(const std::string& session, int descriptor);
  void drop_network(const std::string& session);                                // idempotent
  [[nodiscard]] base::UniqueFd open_network(const std::string& session) const;  // empty if it is not kept
  [[nodiscard]] std::string network_path(const std::string& session) const;
  void keep_layers(const std::string& session, int ns_descriptor);
  void drop_layers(const std::string& session);                                // idempotent
  [[nodiscard]] base::UniqueFd open_layers(const std::string& session) const;  // empty if they are not kept
  // The folder of a view without the view, for whoever mounts something there in a namespace of his own. Both
  // idempotent; one on which a view stands is left.
  void make_folder(const std::string& session, const ViewAccess& access);
  void remove_folder(const std::string& session);
  [[nodiscard]] base::UniqueFd open_namespace(const std::string& session) const;  // empty if it is not kept
  [[nodiscard]] std::string view_path(const std::string& session) const;
  [[nodiscard]] bool has_view(const std::string& session) const;         // mounted, not only a folder
  [[nodiscard]] bool has_former_view(const std::string& session) const;  // of a former version
  // kernel::unique_mount_id() of a view; 0 if there is none, or where the kernel does not tell.
  [[nodiscard]] std::uint64_t mount_number(const std::string& session) const;
  [[nodiscard]] std::vector<std::string> views() const;       // names of the folders there
  [[nodiscard]] std::vector<std::string> namespaces() const;  // names of the sessions that have one of any kind

  // Unmounts both if no session stands there; the daemon calls it when it stops.
  void release_if_empty();

 private:
  [[nodiscard]] base::UniqueFd writable_folder() const;  // a clone of the views' folder
  void remove_folders(const std::string& session) const;
  // In <runtime>/ns, under that name.
  void keep(const std::string& name, int descriptor);
  void keep_mount_namespace(const std::string& name, int descriptor);  // with a hint where that is not possible
  void drop(const std::string& name);
  [[nodiscard]] base::UniqueFd open_kept(const std::string& name) const;

  kernel::Mounts& mounts_;
  std::string runtime_;
};

}  // namespace unionroot::mount
