// The locks of a session on its trees.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "session/parts.h"
#include "session/sources/source.h"

namespace unionroot::session {

// The locks that a session takes when it begins, one tree after the other. Occupies no thread while a tree is not free.
// All arguments are borrowed.
class TreeLocks {
 public:
  TreeLocks(Parts& parts, Operation& operation, const BeginRequest& request);
  // False: a tree is not free, and the request may wait. Throws LockedError if it may not wait or its time is over;
  // Error(cancelled).
  bool take();
  // True if take() may succeed now. Also lets later sessions begin once a source session has held them back for the
  // time in the settings.
  [[nodiscard]] bool worth_trying();
  [[nodiscard]] bool is_over() const { return until_ && Clock::now() >= *until_; }
  // The error that take() throws when its time is over. Call it only while a tree is not free.
  [[nodiscard]] locks::LockedError give_up();

 private:
  using Clock = std::chrono::steady_clock;
  std::optional<locks::HeldLock> take_one(const SourceTree& tree);

  Parts& parts_;
  Operation& operation_;
  const bool yields_;
  const std::optional<std::chrono::milliseconds> wait_;  // as BeginRequest::wait
  const Clock::time_point began_ = Clock::now();
  std::optional<Clock::time_point> until_;
  locks::LockOwner owner_;
  std::vector<SourceTree> trees_;
  std::size_t next_ = 0;
  std::optional<locks::PendingLock> pending_;  // of the next tree
};
[[noreturn]] void throw_wait_cancelled();

// Locks the trees again when a new daemon adopts the session, or when it is recovered.
void hold_locks_again(Parts& parts, Operation& operation);
// Releases the locks when the session ends.
void release_locks(Parts& parts, Operation& operation);
// When the daemon stops: keeps the lock files.
void abandon_locks(Operation& operation);

// True if the session had its locks under the former daemon, according to their files.
[[nodiscard]] bool had_its_locks(const Parts& parts, const Operation& operation);
// True if only a full disk prevents holding the locks again: each needs a new file if commands hold that of the former
// daemon. The file of a preserved session protects its tree without an owner too.
[[nodiscard]] bool stands_without_owner(const Parts& parts, const Operation& operation, const std::exception& why);

// Removes the locks of commands of a former daemon. These have files of their own and are held until the commands are
// dead. Also removes locks that a daemon took just before it died. Waits up to 5 s, then throws Error(timed_out).
void remove_leftover_locks(Parts& parts, const std::string& session);

}  // namespace unionroot::session
