#include "daemon/requests/begins.h"

#include <mutex>
#include <utility>

namespace unionroot::daemon {

Begins::Begins(Intake& intake, session::Sessions& core)
    : intake_(intake),
      core_(core),
      lock_watch_(
          intake.loop().io(), intake.scheduler(), [this] { return core_.watch_locks(); },
          [this] { intake_.parking().look(); }) {}

void Begins::begin(const PeerPtr& peer, const OwedPtr& reply, session::BeginRequest request, Begun begun) {
  intake_.go_on(Work::begin, peer, reply, [=, this, request = std::move(request), begun = std::move(begun)] {
    go_on(peer, reply, waiting_.add(core_.prepare(request)), begun);
  });
}

void Begins::go_on(const PeerPtr& peer, const OwedPtr& reply, WaitingBeginPtr waiting, Begun begun) {
  PendingBegin done;
  {
    const std::lock_guard turn(waiting->turn);
    if (waiting->begin->go_on()) done = std::move(waiting->begin);
  }
  if (done)
    begun(std::move(done));
  else
    intake_.loop().post([this, peer, reply, waiting = std::move(waiting), begun = std::move(begun)]() mutable {
      park(peer, reply, std::move(waiting), std::move(begun));
    });
}

void Begins::park(const PeerPtr& peer, const OwedPtr& reply, WaitingBeginPtr waiting, Begun begun) {
  waiting->worth_trying = false;
  Parking::Request request;
  request.uid = peer->uid;
  request.ready = [waiting] {
    return waiting->worth_trying || waiting->begin->is_over() || waiting->begin->is_cancelled();
  };
  request.resume = [this, peer, reply, waiting, begun = std::move(begun)](Parking::Why why) {
    answering(reply, [&] {
      if (why == Parking::Why::stopped) throw_stopping();
      resume(peer, reply, waiting, begun);
    });
  };
  // A begin that has waited before is not refused when it must wait again.
  const bool again = std::exchange(waiting->parked_before, true);
  try {
    intake_.parking().park(std::move(request), again ? Parking::Bound::unlimited : Parking::Bound::limited);
  } catch (...) {
    reply->fail(std::current_exception());
    intake_.scheduler().submit(
        Work::end, peer->uid, [waiting] { waiting->drop(); }, Scheduler::Queue::unlimited);
    return;
  }
  BusLoop::guarded([&] { lock_watch_.add(waiting); });
}

void Begins::resume(const PeerPtr& peer, const OwedPtr& reply, WaitingBeginPtr waiting, const Begun& begun) {
  if (waiting->begin->is_cancelled() || !waiting->worth_trying) {
    give_up(peer, reply, std::move(waiting));
    return;
  }
  waiting->queued = true;
  auto job = [=, this] {
    if (waiting->take()) go_on(peer, reply, waiting, begun);
  };
  intake_.submit(Work::begin, peer, reply, std::move(job), Scheduler::Queue::unlimited);
  if (!waiting->queued) return;
  // A cancel must not wait in the queue.
  Parking::Request request;
  request.uid = peer->uid;
  request.ready = [waiting] { return waiting->needs_no_room(); };
  request.resume = [this, peer, reply, waiting](Parking::Why why) {
    answering(reply, [&] {
      if (!waiting->queued.exchange(false)) return;
      if (why == Parking::Why::stopped) throw_stopping();
      give_up(peer, reply, waiting);
    });
  };
  intake_.parking().park(std::move(request), Parking::Bound::unlimited);
}

void Begins::give_up(const PeerPtr& peer, const OwedPtr& reply, WaitingBeginPtr waiting) {
  auto job = [waiting = std::move(waiting)] {
    PendingBegin begin;
    {
      const std::lock_guard turn(waiting->turn);
      begin = std::move(waiting->begin);
    }
    begin->give_up();
  };
  // As Work::end: giving up must not wait for begins under way.
  intake_.submit(Work::end, peer, reply, std::move(job), Scheduler::Queue::unlimited);
}

}  // namespace unionroot::daemon
