// The two mounts in the runtime folder, and what they contain. <runtime>/mount/<session>/tree is the host view.
// <runtime>/ns/<session> keeps the namespace by a bind, so that it outlives the daemon. In the same way
// <runtime>/ns/<session>+network keeps the session's own network, and <runtime>/ns/<session>+layers keeps the namespace
// with its layers (Namespace::copy_layers).
//
// An open file in a view or in a namespace keeps everything of the session in use, even after its end. So only root can
// reach the namespaces, and a view is in a folder that only the session's owner may enter.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "kernel/mounts.h"
#include "mount/namespace.h"

namespace unionroot::mount {

// Who may enter the folder of a view. Root always may.
struct ViewAccess {
  uid_t owner = 0;
  bool for_all = false;
};

class HostViews {
 public:
  // Makes <runtime>/mount and <runtime>/ns, unless they are mounted already. <runtime>/mount is a small tmpfs. It is
  // shared, so that an unmount reaches every copy of the mount table. It is mounted read-only, because users own
  // folders in it and must not fill it. <runtime>/ns is private.
  HostViews(kernel::Mounts& mounts, std::string runtime_directory);

  void attach_view(const std::string& session, const ViewAccess& access, const View& view);
  // Idempotent. Also detaches a view of an earlier version, which was mounted on <runtime>/mount/<session> itself.
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
  // The folder of a view without the view, for a caller that mounts something there in its own namespace. Both are
  // idempotent. remove_folder leaves a folder on which a view is mounted.
  void make_folder(const std::string& session, const ViewAccess& access);
  void remove_folder(const std::string& session);
  [[nodiscard]] base::UniqueFd open_namespace(const std::string& session) const;  // empty if it is not kept
  [[nodiscard]] std::string view_path(const std::string& session) const;
  [[nodiscard]] bool has_view(const std::string& session) const;         // mounted, not only a folder
  [[nodiscard]] bool has_former_view(const std::string& session) const;  // of an earlier version
  // kernel::unique_mount_id() of a view; 0 if there is no view, or if the kernel does not tell.
  [[nodiscard]] std::uint64_t mount_number(const std::string& session) const;
  [[nodiscard]] std::vector<std::string> views() const;       // names of the folders there
  [[nodiscard]] std::vector<std::string> namespaces() const;  // names of the sessions that have any namespace here

  // Unmounts both if they contain nothing of a session. The daemon calls it when it stops.
  void release_if_empty();

 private:
  [[nodiscard]] base::UniqueFd writable_folder() const;  // a writable clone of the views' folder
  void remove_folders(const std::string& session) const;
  // In <runtime>/ns, under that name.
  void keep(const std::string& name, int descriptor);
  void keep_mount_namespace(const std::string& name, int descriptor);  // with a hint if it cannot be bound
  void drop(const std::string& name);
  [[nodiscard]] base::UniqueFd open_kept(const std::string& name) const;

  kernel::Mounts& mounts_;
  std::string runtime_;
};

}  // namespace unionroot::mount
