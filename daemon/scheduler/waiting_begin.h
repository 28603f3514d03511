// A begin that waits for a tree, and then for a place among the running begins.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "session/sessions.h"

namespace unionroot::daemon {

struct WaitingBegin {
  std::mutex turn;  // held while `begin` is used; not needed for is_over() and is_cancelled() while it is parked
  std::unique_ptr<session::PendingBegin> begin;
  std::atomic<bool> worth_trying{false};
  std::atomic<bool> queued{false};  // waits in the scheduler's queue to be tried again
  bool parked_before = false;       // loop's thread only

  // Takes it out of the queue. False if another thread did, which then owns `begin`.
  bool take();
  // True if it is no longer queued, or was cancelled in the queue. Does not block; from any thread.
  bool needs_no_room();
  // Destroys `begin`: a begin that has not finished leaves nothing. Waits for a thread that uses it.
  void drop();
};
using WaitingBeginPtr = std::shared_ptr<WaitingBegin>;

// All waiting begins. Thread-safe.
class WaitingBegins {
 public:
  WaitingBeginPtr add(std::unique_ptr<session::PendingBegin> begin);
  // For the daemon's stop: requests that the loop never resumes must not keep their sessions.
  void drop_all();

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<WaitingBegin>> all_;
};

}  // namespace unionroot::daemon
