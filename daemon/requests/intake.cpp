#include "daemon/requests/intake.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

// dbus-daemon takes about this much processor time for a call with a short answer (tests/bench/run fairness). So a user
// with cheap calls can make some 4000 a second, and as many at once as the stock allows.
constexpr std::chrono::microseconds bus_cost{50};

}  // namespace

void require_root(const Peer& peer, const std::string& doing) {
  if (peer.uid != 0) throw base::Error(base::ErrorCode::access_denied, doing + " is for root alone", "call it as root");
}

void throw_stopping() {
  throw base::Error(base::ErrorCode::cancelled, "unionrootd is stopping", "try again in a moment");
}

void throw_left() { throw base::Error(base::ErrorCode::cancelled, "the client has left the bus"); }

Intake::Intake(BusLoop& loop, session::Sessions& core, const Limits& limits, Peers::Left left)
    : loop_(loop),
      core_(core),
      peers_(loop.connection(), std::move(left)),
      turns_(loop.io(), {[this] { loop_.kick(); }, [this] { return loop_.is_clear(); }}, {.bus_cost = bus_cost}),
      received_(loop.connection(), peers_),
      parking_(loop.io(), limits.parked_per_user),
      scheduler_(limits) {}

void Intake::identified(const std::string& sender, const OwedPtr& reply, Known work) {
  auto known = [this, reply, work = std::move(work)](const PeerPtr& peer) {
    answering(reply, [&] { turns_.quick(peer->uid, [reply, peer, work] { answering(reply, [&] { work(peer); }); }); });
  };
  peers_.identify(sender, std::move(known), [reply](const std::exception_ptr& error) { reply->fail(error); });
}

void Intake::identified(const std::string& sender, const OwedPtr& reply, Share share, Known work) {
  identified(sender, reply, [share = std::move(share), work = std::move(work)](const PeerPtr& peer) {
    share->charge(peer->uid);
    work(peer);
  });
}

void Intake::answer_in_turn(const std::string& sender, const AnswerPtr& answer, Write write) {
  auto job = [answer, write = std::move(write)](const PeerPtr& peer) {
    try {
      return write(*peer);
    } catch (...) {
      answer->fail(std::current_exception());
      return Turns::Next::done;
    }
  };
  auto known = [this, answer, job = std::move(job)](const PeerPtr& peer) {
    const auto wanted = [answer, peer] {
      if (peer->gone) answer->let_go();
      return !peer->gone;
    };
    answering(answer, [&] { turns_.longer(peer->uid, {[peer, job] { return job(peer); }, wanted}); });
  };
  peers_.identify(sender, std::move(known), [answer](const std::exception_ptr& error) { answer->fail(error); });
}

bool Intake::library_may_answer(const std::string& sender, const MakeAnswer& make) {
  const auto peer = peers_.find(sender);
  if (!peer) {
    peers_.identify(
        sender, [](const PeerPtr&) {}, [](const std::exception_ptr&) {});
    return true;
  }
  if (turns_.passes(peer->uid)) return true;
  const AnswerPtr answer = make();
  answering(answer, [&] {
    turns_.quick(peer->uid, [answer, uid = peer->uid] {
      answer->fail(std::make_exception_ptr(base::Error(
          base::ErrorCode::limit_exceeded, base::concat("uid ", uid, " makes more calls than it has a share for"),
          "wait before asking again; GetManagedObjects answers for all objects at once")));
    });
  });
  return false;
}

void Intake::submit(Work work, const PeerPtr& peer, const OwedPtr& reply, Scheduler::Job job, Scheduler::Queue queue) {
  scheduler_.submit(
      work, peer->uid, [reply, job = std::move(job)] { answering(reply, job); }, queue);
}

void Intake::go_on(Work work, const PeerPtr& peer, const OwedPtr& reply, Scheduler::Job job) {
  scheduler_.go_on(work, peer->uid, [reply, job = std::move(job)] { answering(reply, job); });
}

void Intake::submit_when_free(Work work, const PeerPtr& peer, const OwedPtr& reply, const session::SessionView& session,
                              bool force, Scheduler::Job job) {
  const auto queue = force ? Scheduler::Queue::unlimited : Scheduler::Queue::limited;
  const session::SessionId id(session.record);
  if (!core_.is_busy(id)) {
    submit(work, peer, reply, std::move(job), queue);
    return;
  }
  Parking::Request request;
  request.uid = peer->uid;
  request.ready = [this, id] { return !core_.is_busy(id); };
  if (!force) request.until = Parking::Clock::now() + session::grace_period;
  request.resume = [this, work, peer, reply, id, queue, job = std::move(job)](Parking::Why why) mutable {
    answering(reply, [&] {
      if (why == Parking::Why::over) {
        const auto view = core_.find(id.id);
        throw session::busy(id.id, view ? view->record.state : store::SessionState::ending);
      }
      submit(work, peer, reply, std::move(job), queue);  // refuses if the daemon stops
    });
  };
  parking_.park(std::move(request), force ? Parking::Bound::unlimited : Parking::Bound::limited);
}

void Intake::back_in_turn(const PeerPtr& peer, const OwedPtr& reply, std::function<void()> work) {
  auto answer = [reply, work = std::move(work)] { answering(reply, work); };
  loop_.post([this, peer, reply, answer = std::move(answer)]() mutable {
    answering(reply, [&] { turns_.quick(peer->uid, std::move(answer)); });
  });
}

std::function<bool()> Intake::cancelled(const PeerPtr& peer) const {
  return [peer, stopping = stopping_] { return peer->gone.load() || stopping->load(); };
}

void Intake::prepare_stop() {
  *stopping_ = true;
  turns_.stop();
}

void Intake::stop() {
  scheduler_.stop();
  parking_.stop();
}

}  // namespace unionroot::daemon
