// Who may change a source tree, and who stands on it. docs/locks.md has the protocol; it needs no daemon.
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

// What is shared: the tree, not the definition's name. Two definitions over the same tree (a bind mount, a symlink,
// an alias) have the same key. From the file system's id and the inode, so that it is the same after a reboot.
// For a tree that is a file which a source session replaces (a tarball): from its folder and its name.
std::string tree_key(int tree_descriptor);
std::string file_key(int folder_descriptor, const std::string& name);
// For a block device, whatever node it is reached by. Throws Error(invalid_argument) if it is none.
std::string device_key(int device_descriptor);
// For what has no file on the host, such as a data set: `name` tells it apart from every other.
std::string name_key(const std::string& name);

enum class LockKind { source, session };
enum class LockState { held, waiting, stale, preserved };  // preserved: the owner is gone, the session is not

// Who has a lock: a session on its tree (or, by a source lock, with something to itself), one on the source itself, or
// a command of `unionroot lock`.
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
  bool preserved = false;  // outlives its owner: only the daemon re-owns or removes it
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
  std::optional<std::chrono::milliseconds> limit = std::chrono::milliseconds(0);  // nullopt: without end; 0: not at all
  std::function<bool()> cancelled;   // asked some ten times a second; may be empty
  std::function<void()> waits = {};  // called once, if there is something to wait for; may be empty
  // For how long a change that waits holds back later sessions; nullopt: as long as it waits; 0: not at all.
  std::optional<std::chrono::milliseconds> hold_back = {};
};

// A refused request. what() names every holder: session, user, pid, command, since when.
class LockedError : public base::Error {
 public:
  LockedError(std::string message, std::string hint, std::vector<LockInfo> holders);
  [[nodiscard]] const std::vector<LockInfo>& holders() const { return holders_; }

 private:
  std::vector<LockInfo> holders_;
};

// A held lock. The lock file goes when this is destroyed, unless abandon() or a preserved owner says otherwise.
class HeldLock {
 public:
  HeldLock(HeldLock&&) noexcept;
  HeldLock& operator=(HeldLock&&) noexcept;
  ~HeldLock();

  void release();  // removes the file under the manage lock; throws; idempotent
  void abandon();  // closes the descriptor and leaves the file (a preserved session, when the daemon stops)
  // A descriptor of the lock's open file description: whoever holds a duplicate holds the lock.
  [[nodiscard]] int descriptor() const;
  [[nodiscard]] const std::string& file() const;

 private:
  friend class LockDirectory;
  friend class PendingLock;
  struct Impl;
  explicit HeldLock(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A request for a lock that somebody is in the way of. It holds no thread: whoever has it tries again when a file
// leaves the directory, and now and then, since a lock whose owner dies is let go of without any change there. A change
// has its lock file already, as one that waits, and so holds back later sessions, until hold_nobody_back(); the file
// goes with this. Not thread-safe.
class PendingLock {
 public:
  PendingLock(PendingLock&&) noexcept;
  PendingLock& operator=(PendingLock&&) noexcept;
  ~PendingLock();

  // False while everybody in the way stands. Does not take the manage lock.
  [[nodiscard]] bool worth_trying() const;
  // nullopt: somebody is still in the way.
  [[nodiscard]] std::optional<HeldLock> try_take(const std::function<bool()>& cancelled = {});
  // From here on a change waits as one does that was refused and comes again: its file is removed, and it gets its turn
  // when nobody else has the tree or waits to change it. Nothing for a session. Idempotent.
  void hold_nobody_back();
  // "it is in use by ...", for everybody to read: no command is named. Empty if nobody is in the way by now.
  [[nodiscard]] std::string obstacle() const;
  // What a request is told whose time is over. A change's file is removed.
  [[nodiscard]] LockedError give_up(std::chrono::milliseconds waited);

 private:
  friend class LockDirectory;
  struct Impl;
  explicit PendingLock(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// <state>/locks. Thread-safe, and safe between processes.
class LockDirectory {
 public:
  explicit LockDirectory(std::string directory);  // made if missing (0755, root)

  // A session stands on the tree. Refused (LockedError) while somebody changes the tree or waits to.
  HeldLock lock_session(const std::string& key, const LockOwner& owner, const Wait& wait);
  // Somebody changes the tree. Registers first, and so holds back later sessions; then waits for the sessions there
  // are and for earlier changes. Refused unless everyone is gone within the limit.
  HeldLock lock_source(const std::string& key, const LockOwner& owner, const Wait& wait);

  // The same two for who waits without a thread.
  using Request = std::variant<HeldLock, PendingLock>;
  Request request_session(const std::string& key, const LockOwner& owner, const std::function<bool()>& cancelled = {});
  // holds_back: a change that has to wait keeps later sessions from the tree. One that does not has no file meanwhile.
  Request request_source(const std::string& key, const LockOwner& owner, const std::function<bool()>& cancelled = {},
                         bool holds_back = true);
  // An inotify descriptor, non-blocking, that is readable when a file has left the directory; none if the machine has
  // no inotify instances left.
  [[nodiscard]] base::UniqueFd watch() const;

  // The daemon alone, which knows the store: takes over the lock file of a preserved session (made again if it is
  // missing; `created` tells), or of a session whose runs outlived the daemon and hold the lock themselves.
  HeldLock reown_session(const std::string& key, const LockOwner& owner, bool& created);
  // The same for the lock of a source session. Where it is missing it is made again, unless somebody stands on the tree
  // or changes it by now (LockedError).
  HeldLock reown_source(const std::string& key, const LockOwner& owner, bool& created);
  // Removes a preserved session's lock although nobody owns it. Idempotent.
  void remove_session(const std::string& key, const std::string& session);

  // Everything there is, stale ones too; removes nothing.
  [[nodiscard]] std::vector<LockInfo> list() const;
  // Removes stale locks (never preserved ones); says which.
  std::vector<LockInfo> clean();

 private:
  PendingLock session_request(const std::string& key, const LockOwner& asked) const;
  enum class IfNotFree { refuse, wait, wait_behind_all };
  Request source_request(const std::string& key, const LockOwner& asked, IfNotFree if_not_free,
                         const std::function<bool()>& cancelled) const;
  HeldLock wait_for(PendingLock request, const Wait& wait) const;
  HeldLock reown(LockKind kind, const std::string& key, const LockOwner& asked, bool& created);
  std::shared_ptr<const detail::Directory> directory_;  // shared with the locks that were taken in it
};

}  // namespace unionroot::locks
