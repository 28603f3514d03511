// A private copy of the host's mount namespace with one tree more, for programs of the host's that work on a session's
// tree.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "base/unique_fd.h"
#include "mount/namespace.h"

namespace unionroot::mount {

// What is mounted on the host later arrives in it; what is mounted in it stays in it. It goes, with all that is mounted
// in it, when this is destroyed and no process is left in it. Its cost grows with the host's mount table.
class HostCopy {
 public:
  // tree: a detached mount, attached at `place`, a folder of the host's. Throws SystemError.
  HostCopy(NamespaceFactory& factory, base::UniqueFd tree, std::string place);

  // Calls `action` with the calling thread in it, at its root, with umask 022: what the thread starts is there too.
  void visit(const std::function<void()>& action) const;
  // A detached recursive clone of what is mounted at the place by now.
  [[nodiscard]] base::UniqueFd clone_place() const;
  [[nodiscard]] const std::string& place() const { return place_; }
  [[nodiscard]] ino_t inode() const;  // of the namespace: what /proc/PID/ns/mnt shows

 private:
  std::shared_ptr<NamespaceFactory::Impl> factory_;
  base::UniqueFd descriptor_;
  std::string place_;
};

}  // namespace unionroot::mount
