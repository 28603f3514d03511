// How a request comes in: who calls, whose turn it is, and which thread works for it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "daemon/bus/answer.h"
#include "daemon/bus/byte_budget.h"
#include "daemon/bus/received_descriptors.h"
#include "daemon/bus/turns.h"
#include "daemon/bus_loop.h"
#include "daemon/calls.h"
#include "daemon/operations.h"
#include "daemon/owed.h"
#include "daemon/peers.h"
#include "daemon/scheduler/parking.h"
#include "daemon/scheduler/scheduler.h"

namespace unionroot::daemon {

inline CallerId identity(const Peer& peer) { return {peer.uid, peer.pid, peer.start_time}; }

// Throws Error(access_denied). doing: for the message.
void require_root(const Peer& peer, const std::string& doing);
[[noreturn]] void throw_stopping();
[[noreturn]] void throw_left();

// For the bus thread, unless said otherwise. What a job throws becomes the reply.
class Intake {
 public:
  // left: a client that was identified has left the bus.
  Intake(BusLoop& loop, session::Sessions& core, const Limits& limits, Peers::Left left);

  // After every other filter was added to the bus: this one must see each message.
  void watch_descriptors() { received_.go_first(); }

  using Known = std::function<void(const PeerPtr&)>;
  // Finds out who calls, then calls `work(peer)` when it is that user's turn.
  void identified(const std::string& sender, const OwedPtr& reply, Known work);
  // The same for a request that keeps so many bytes until it is answered. The reply keeps the share.
  using Share = std::shared_ptr<ByteBudget::Share>;
  [[nodiscard]] Share take(std::size_t bytes) { return budget_.take(bytes); }
  void identified(const std::string& sender, const OwedPtr& reply, Share share, Known work);

  // An answer that is written in pieces, in turns with other users.
  using Write = std::function<Turns::Next(const Peer&)>;
  void answer_in_turn(const std::string& sender, const AnswerPtr& answer, Write write);
  // For a call that sd-bus answers by itself, before any code of ours. True: it may. Else the user's share is used up,
  // and `make` gives what is refused when it is that user's turn.
  using MakeAnswer = std::function<AnswerPtr()>;
  [[nodiscard]] bool library_may_answer(const std::string& sender, const MakeAnswer& make);
  // Answered Turns::Next::later: its user's answer can be gone on with.
  void go_on_answering(uid_t uid) { turns_.go_on(uid); }

  // On a worker.
  void submit(Work work, const PeerPtr& peer, const OwedPtr& reply, Scheduler::Job job,
              Scheduler::Queue queue = Scheduler::Queue::limited);
  // For jobs, as the last thing that they do: the request goes on as another class of work.
  void go_on(Work work, const PeerPtr& peer, const OwedPtr& reply, Scheduler::Job job);
  // Once nothing is under way on the session. After the grace period the reply is Error(session_busy).
  void submit_when_free(Work work, const PeerPtr& peer, const OwedPtr& reply, const session::SessionView& session,
                        bool force, Scheduler::Job job);
  // From a worker, back on the bus thread, when it is the user's turn.
  void back_in_turn(const PeerPtr& peer, const OwedPtr& reply, std::function<void()> work);

  // Whether the work for this caller is wanted no more. From any thread.
  [[nodiscard]] std::function<bool()> cancelled(const PeerPtr& peer) const;
  [[nodiscard]] bool is_stopping() const { return *stopping_; }

  [[nodiscard]] BusLoop& loop() { return loop_; }
  [[nodiscard]] Peers& peers() { return peers_; }
  [[nodiscard]] Parking& parking() { return parking_; }
  [[nodiscard]] Scheduler& scheduler() { return scheduler_; }

  // Long requests give up, and no answer is gone on with. Idempotent, as stop() is.
  void prepare_stop();
  // Waits for the workers.
  void stop();

 private:
  BusLoop& loop_;
  session::Sessions& core_;
  Peers peers_;
  Turns turns_;
  ReceivedDescriptors received_;
  ByteBudget budget_;
  std::shared_ptr<std::atomic<bool>> stopping_ = std::make_shared<std::atomic<bool>>(false);
  Parking parking_;
  Scheduler scheduler_;
};

}  // namespace unionroot::daemon
