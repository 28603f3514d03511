// Locks on source trees: sessions use a tree, or one owner changes it. docs/locks.md describes the protocol. It needs
// no daemon.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/process_identity.h"
#include "base/unique_fd.h"

namespace unionroot::locks {

namespace detail {
class Directory;
}

// The key identifies the tree, not the definition. Two definitions of the same tree (bind mount, symlink, alias) have
// the same key. It is made from the file system's id and the inode, so it stays the same after a reboot. A file that a
// source session replaces (a tarball) gets its key from its folder and its name.
std::string tree_key(int tree_descriptor);
std::string file_key(int folder_descriptor, const std::string& name);
// For a block device. All device nodes of one device give the same key. Throws Error(invalid_argument) for anything
// else.
std::string device_key(int device_descriptor);
// For a source without a file on the host, such as a data set. `name` must be unique.
std::string name_key(const std::string& name);

enum class LockKind { source, session };
enum class LockState { held, waiting, stale, preserved };  // preserved: the owner is gone, but the session exists

// The kind of owner: a session that uses a tree (or has a source lock because it needs something exclusively), a source
// session, or a command of `unionroot lock`.
enum class LockHolder { session, automatic_session, source_session, command };

struct LockOwner {
  base::ProcessIdentity process;
  uid_t uid = 0;
  std::string user;
  std::string session;  // empty for `unionroot lock`
  std::string chroot;   // the definition's name, for people
  std::string tree;     // path, for people
  LockHolder holder = LockHolder::command;
  std::string purpose;     // for people: "session", "automatic session", "source session", "unionroot lock"
  bool preserved = false;  // the lock outlives its owner; only the daemon may re-own or remove it
  std::int64_t since = 0;  // microseconds since the epoch
};

struct LockInfo {
  LockKind kind = LockKind::session;
  LockState state = LockState::held;
  std::string key;
  std::string file;
  LockOwner owner;
};

struct Wait {
  std::optional<std::chrono::milliseconds> limit = std::chrono::milliseconds(0);  // nullopt: no limit; 0: do not wait
  std::function<bool()> cancelled;   // polled about ten times a second; may be empty
  std::function<void()> waits = {};  // called once before the wait begins; may be empty
  // How long a waiting change holds back later sessions. nullopt: as long as it waits. 0: not at all.
  std::optional<std::chrono::milliseconds> hold_back = {};
};

// The error of a refused request. what() names every holder: session, user, pid, command, and since when.
class LockedError : public base::Error {
 public:
  LockedError(std::string message, std::string hint, std::vector<LockInfo> holders);
  [[nodiscard]] const std::vector<LockInfo>& holders() const { return holders_; }

 private:
  std::vector<LockInfo> holders_;
};

// A held lock. The destructor removes the lock file, unless abandon() was called or the owner is preserved.
class HeldLock {
 public:
  HeldLock(HeldLock&&) noexcept;
  HeldLock& operator=(HeldLock&&) noexcept;
  ~HeldLock();

  void release();  // removes the file under the manage lock; throws; idempotent
  void abandon();  // closes the descriptor and keeps the file: for preserved sessions when the daemon stops
  // The descriptor of the lock's open file description. Any duplicate of it also holds the lock.
  [[nodiscard]] int descriptor() const;
  [[nodiscard]] const std::string& file() const;

 private:
  friend class LockDirectory;
  friend class PendingLock;
  struct Impl;
  explicit HeldLock(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A request for a lock that is blocked by others. It occupies no thread. Its owner tries again when a file leaves the
// directory, and also at intervals: if a holder dies, its lock is released without a change in the directory.
//
// A waiting change already has a lock file, which holds back later sessions until hold_nobody_back(). The destructor
// removes that file. Not thread-safe.
class PendingLock {
 public:
  PendingLock(PendingLock&&) noexcept;
  PendingLock& operator=(PendingLock&&) noexcept;
  ~PendingLock();

  // False if others block the request and none of their locks is stale. Does not take the manage lock.
  [[nodiscard]] bool worth_trying() const;
  // Returns nullopt if others still block the request.
  [[nodiscard]] std::optional<HeldLock> try_take(const std::function<bool()>& cancelled = {});
  // Removes the lock file of a waiting change, so that later sessions can begin. From then on the change gets the lock
  // only when nobody holds the tree or waits to change it. Has no effect for a session. Idempotent.
  void hold_nobody_back();
  // "it is in use by ...". Anybody may read the text, so it has no command line. Empty if nothing blocks the request
  // now.
  [[nodiscard]] std::string obstacle() const;
  // Ends the wait and returns the error for the user. Removes the lock file of a change.
  [[nodiscard]] LockedError give_up(std::chrono::milliseconds waited);

 private:
  friend class LockDirectory;
  struct Impl;
  explicit PendingLock(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The directory <state>/locks. Safe for several threads and processes.
class LockDirectory {
 public:
  explicit LockDirectory(std::string directory);  // creates it if missing (0755, root)

  // Locks the tree for a session. Throws LockedError while somebody changes the tree or waits to change it.
  HeldLock lock_session(const std::string& key, const LockOwner& owner, const Wait& wait);
  // Locks the tree for a change. Creates the lock file first, which holds back later sessions. Then waits for existing
  // sessions and earlier changes. Throws LockedError if they are not all gone within the limit. The session
  // that `owner` names does not count.
  HeldLock lock_source(const std::string& key, const LockOwner& owner, const Wait& wait);

  // The same two requests without blocking a thread.
  using Request = std::variant<HeldLock, PendingLock>;
  Request request_session(const std::string& key, const LockOwner& owner, const std::function<bool()>& cancelled = {});
  // holds_back: a waiting change holds back later sessions. If false, it has no lock file while it waits.
  Request request_source(const std::string& key, const LockOwner& owner, const std::function<bool()>& cancelled = {},
                         bool holds_back = true);
  // Returns a non-blocking inotify descriptor. It is readable when a file has left the directory. Empty if the machine
  // has no free inotify instance.
  [[nodiscard]] base::UniqueFd watch() const;

  // Takes over the lock file of a preserved session, or of a session whose runs outlived the daemon and still hold the
  // lock. Only the daemon calls this, because it knows the store. A missing file is created anew and `created` is set.
  // Throws LockedError if a living process holds the lock, or if the file was missing and somebody changes the tree
  // now.
  HeldLock reown_session(const std::string& key, const LockOwner& owner, bool& created);
  // The same for the lock of a source session. If its file was missing, any other holder of the tree causes a
  // LockedError.
  HeldLock reown_source(const std::string& key, const LockOwner& owner, bool& created);
  // Removes the lock of a preserved session that has no owner. Idempotent. Throws LockedError if running commands hold
  // it.
  void remove_session(const std::string& key, const std::string& session);

  // Lists all locks, including stale ones. Removes nothing.
  [[nodiscard]] std::vector<LockInfo> list() const;
  // Removes stale locks, never preserved ones. Returns the removed locks.
  std::vector<LockInfo> clean();

 private:
  PendingLock session_request(const std::string& key, const LockOwner& asked) const;
  enum class IfNotFree { refuse, wait, wait_behind_all };
  Request source_request(const std::string& key, const LockOwner& asked, IfNotFree if_not_free,
                         const std::function<bool()>& cancelled) const;
  HeldLock wait_for(PendingLock request, const Wait& wait) const;
  HeldLock reown(LockKind kind, const std::string& key, const LockOwner& asked, bool& created);
  std::shared_ptr<const detail::Directory> directory_;  // shared with the locks taken in it
};

}  // namespace unionroot::locks
