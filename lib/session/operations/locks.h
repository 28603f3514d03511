// The locks that a session holds on the trees that it stands on.
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

// The locks that a session takes when it begins, one tree after the other. Holds no thread while a tree is not free.
// All arguments are borrowed.
class TreeLocks {
 public:
  TreeLocks(Parts& parts, Operation& operation, const BeginRequest& request);
  // False: a tree is not free, and the request may wait. Throws LockedError if it may not, or its time is over;
  // Error(cancelled).
  bool take();
  // A source session that has held back others for as long as the settings let it stops doing so.
  [[nodiscard]] bool worth_trying();
  [[nodiscard]] bool is_over() const { return until_ && Clock::now() >= *until_; }
  // What take() throws once its time is over. Only while a tree is not free.
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

// When a daemon takes it up, or it is recovered.
void hold_locks_again(Parts& parts, Operation& operation);
// When it ends.
void release_locks(Parts& parts, Operation& operation);
// When the daemon stops: the locks stay.
void abandon_locks(Operation& operation);

// Under the former daemon, by their files.
[[nodiscard]] bool had_its_locks(const Parts& parts, const Operation& operation);
// Whether its locks could not be held again for want of room alone: each needs another file where commands hold that of
// the former daemon. A preserved session's file protects its tree without an owner too.
[[nodiscard]] bool stands_without_owner(const Parts& parts, const Operation& operation, const std::exception& why);

// What commands of a former daemon hold, under names of their own, and go on holding until they have died; and what a
// daemon that died had just taken.
void remove_leftover_locks(Parts& parts, const std::string& session);

}  // namespace unionroot::session
