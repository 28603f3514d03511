// A begin that waits for a tree, or for room after that.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "session/sessions.h"

namespace unionroot::daemon {

struct WaitingBegin {
  std::mutex turn;  // of whoever uses `begin`; while it is parked, is_over() and is_cancelled() need no turn
  std::unique_ptr<session::PendingBegin> begin;
  std::atomic<bool> worth_trying{false};
  std::atomic<bool> queued{false};  // to be tried again, once there is room for one more begin
  bool parked_before = false;       // loop's thread only

  // Takes it out of the queue. False if somebody else has done so, and has `begin` for himself.
  bool take();
  // It is queued no more, or was cancelled while it was. Does not block; from any thread.
  bool needs_no_room();
  // Nothing is left of a begin that has not begun. Waits for whoever uses it.
  void drop();
};
using WaitingBeginPtr = std::shared_ptr<WaitingBegin>;

// All that there are. Thread-safe.
class WaitingBegins {
 public:
  WaitingBeginPtr add(std::unique_ptr<session::PendingBegin> begin);
  // When the daemon stops: requests that the loop never comes back to must not keep their sessions.
  void drop_all();

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<WaitingBegin>> all_;
};

}  // namespace unionroot::daemon
