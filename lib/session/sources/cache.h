// Trees that were unpacked once and are shared by all sessions on them, as read-only lower layers.
//
// <state>/cache/<key>/tree       the tree; complete if it has this name
//                     users/<session>   a session stands on it
//                     origin     what it was made of
//               <key>.lock       held while an entry is made (alone) or taken into use (shared)
//               tmp-<token>      an entry that is being made, or what a crash left of one
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/file_lock.h"
#include "base/unique_fd.h"
#include "session/services.h"

namespace unionroot::session {

// "file-..." : which file, and which content, as far as can be told without reading it: file system, inode, size, and
// the times of its last change to the nanosecond.
std::string identity_of(int file);

struct CacheRequest {
  std::string key;
  std::string origin;  // the file that it is made of
  std::string session;
  unsigned index = 0;  // of the session's layers, top first
  unsigned count = 1;
  std::function<bool()> cancelled;  // may be empty
  // Called now and then while another session makes it, with the bytes of that, or zeros; may be empty.
  std::function<void(std::uint64_t done, std::uint64_t total)> waits;
  std::function<void(int tree)> make;  // fills the empty folder
};

// Without state of its own: what there is, is on the disk.
class TreeCache {
 public:
  explicit TreeCache(Services& services);

  // The path of the tree, made by this or by another session if it was not there; from now on it stays until `release`.
  // Two at once make it once. If `make` throws, nothing stays, and whoever waits makes it.
  std::string take(const CacheRequest& request);

  // The trees that the session holds, top first; empty unless all of them are there.
  [[nodiscard]] std::vector<std::string> held_by(const std::string& session) const;

  // The session stands on none any more. Trees that nobody stands on and whose origin has changed go. Idempotent.
  void release(const std::string& session);

  // At the daemon's start: what crashes left goes.
  void clean(const std::function<bool(const std::string& session)>& lives);

 private:
  [[nodiscard]] std::vector<std::string> keys() const;
  [[nodiscard]] std::optional<base::UniqueFd> try_lock(const std::string& key, base::LockType type) const;
  [[nodiscard]] base::UniqueFd lock(const CacheRequest& request, base::LockType type) const;
  void make(const CacheRequest& request);
  void remove_lock(const std::string& key) const noexcept;
  void use(const CacheRequest& request);
  void remove_if_outdated(const std::string& key);
  [[nodiscard]] bool outdated(int entry, const std::string& key) const;

  Services& services_;
  std::string path_;
  base::UniqueFd folder_;
};

}  // namespace unionroot::session
