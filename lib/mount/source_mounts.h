// <runtime>/sources/<name>: the file systems of sessions, mounted on the host: images, devices, snapshots. One mount of
// an image serves all its sessions, and is unmounted with the last of them.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "base/unique_fd.h"
#include "kernel/mounts.h"

namespace unionroot::mount {

// Sessions have copies of a mount in their own namespaces, so none depends on the mount here. If it is missing, a later
// session mounts again. If it is left over, the next start removes it.
//
// Thread-safe. Names contain letters, digits, '-', '_' and '.'. A name that begins with "own." belongs to one session.
class SourceMounts {
 public:
  using Make = std::function<base::UniqueFd()>;

  SourceMounts(kernel::Mounts& mounts, std::string runtime_directory);  // changes nothing yet

  // Returns the mount point, for `session`. If nothing is mounted there, attaches what `make` returns (a detached
  // mount). Concurrent requests for one name mount it once. Throws what `make` throws, and SystemError.
  std::string acquire(const std::string& name, const std::string& session, const Make& make);

  // After a restart of the daemon: notes that `session` uses the mount. False if nothing is mounted there.
  bool adopt(const std::string& name, const std::string& session);

  // The session uses no mount any more. Idempotent. Until remove_unused is called, an unused mount stays if it may be
  // shared: the daemon has just started, and more sessions may be adopted.
  void release(const std::string& session);

  // Call this when all existing sessions are adopted. Unmounts what no session uses.
  void remove_unused();

  // Unmounts the folder if it is empty. The daemon calls it when it stops.
  void release_if_empty();

  [[nodiscard]] std::string path(const std::string& name) const;

 private:
  [[nodiscard]] bool exists() const;  // the folder that contains the mounts
  [[nodiscard]] base::UniqueFd open_folder() const;
  void remove(const std::string& name);

  kernel::Mounts& mounts_;
  const std::string runtime_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> busy_;                          // being mounted or unmounted, without the mutex
  std::map<std::string, std::set<std::string>> users_;  // name -> sessions
  bool complete_ = false;                               // remove_unused was called
};

}  // namespace unionroot::mount
