// <runtime>/sources/<name>: file systems that sessions stand on, mounted on the host: images, devices, snapshots. One
// mount of an image serves all sessions on it; it goes with the last of them.
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

// Sessions hold copies of a mount in their own namespaces, so none depends on what stands here: a mount that is missing
// costs a later session a mount of its own, and one that is left over is removed at the next start.
//
// Thread-safe. Names: letters, digits, '-', '_' and '.'; those that begin with "own." belong to one session.
class SourceMounts {
 public:
  using Make = std::function<base::UniqueFd()>;

  SourceMounts(kernel::Mounts& mounts, std::string runtime_directory);  // changes nothing yet

  // The mount point, for `session`; if nothing is mounted there, what `make` returns (a detached mount) is attached.
  // Two that ask for the same name at once make it once. Throws what `make` throws, and SystemError.
  std::string acquire(const std::string& name, const std::string& session, const Make& make);

  // After a restart of the daemon: `session` uses it. False if nothing is mounted there.
  bool adopt(const std::string& name, const std::string& session);

  // The session uses none any more. Idempotent. Until remove_unused was called, what nobody uses stays mounted if it
  // may be shared: the daemon has just started, and more sessions may be taken up.
  void release(const std::string& session);

  // Once all sessions that there are were taken up: unmounts what nobody uses.
  void remove_unused();

  // The daemon calls it when it stops.
  void release_if_empty();

  [[nodiscard]] std::string path(const std::string& name) const;

 private:
  [[nodiscard]] bool exists() const;  // the folder that holds them
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
