// Begins, from the request to the session. A begin that waits for a tree is parked and holds no thread.
#pragma once

#include <functional>
#include <memory>

#include "daemon/requests/intake.h"
#include "daemon/scheduler/lock_watch.h"
#include "daemon/scheduler/waiting_begin.h"
#include "session/sessions.h"

namespace unionroot::daemon {

// Bus thread only, unless stated otherwise.
class Begins {
 public:
  Begins(Intake& intake, session::Sessions& core);

  using PendingBegin = std::unique_ptr<session::PendingBegin>;
  using Begun = std::function<void(PendingBegin)>;
  // Call it last in a job on a worker. begun: called on a worker when the session has begun. Its exceptions become the
  // reply.
  void begin(const PeerPtr& peer, const OwedPtr& reply, session::BeginRequest request, Begun begun);

  // Stops watching trees.
  void prepare_stop() { lock_watch_.stop(); }
  // Drops the begins that still wait. Call it after Intake::stop().
  void stop() { waiting_.drop_all(); }

 private:
  // On a worker.
  void go_on(const PeerPtr& peer, const OwedPtr& reply, WaitingBeginPtr waiting, Begun begun);
  void park(const PeerPtr& peer, const OwedPtr& reply, WaitingBeginPtr waiting, Begun begun);
  void resume(const PeerPtr& peer, const OwedPtr& reply, WaitingBeginPtr waiting, const Begun& begun);
  // For a begin that is neither parked nor queued.
  void give_up(const PeerPtr& peer, const OwedPtr& reply, WaitingBeginPtr waiting);

  Intake& intake_;
  session::Sessions& core_;
  LockWatch lock_watch_;
  WaitingBegins waiting_;
};

}  // namespace unionroot::daemon
