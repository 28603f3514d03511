// A private copy of the host's mount namespace with one additional tree, for host programs that work on a session's
// tree.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "base/unique_fd.h"
#include "mount/namespace.h"

namespace unionroot::mount {

// Later mounts on the host appear in the copy; mounts in the copy stay in it. The copy ends, with everything mounted in
// it, when this object is destroyed and no process is left in it. Its cost grows with the host's mount table.
class HostCopy {
 public:
  // `tree`: a detached mount, which is attached at `place`, a folder of the host. Throws SystemError.
  HostCopy(NamespaceFactory& factory, base::UniqueFd tree, std::string place);

  // Calls `action` with the calling thread, and what it starts, in the copy: at its root, with umask 022.
  void visit(const std::function<void()>& action) const;
  // A detached recursive clone of what is mounted at the place now.
  [[nodiscard]] base::UniqueFd clone_place() const;
  [[nodiscard]] const std::string& place() const { return place_; }
  [[nodiscard]] ino_t inode() const;  // of the namespace: what /proc/PID/ns/mnt shows

 private:
  std::shared_ptr<NamespaceFactory::Impl> factory_;
  base::UniqueFd descriptor_;
  std::string place_;
};

}  // namespace unionroot::mount
