// Takes requests in: identifies the caller, waits for the user's turn, and passes work to the threads.
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

// Bus thread only, unless stated otherwise. Exceptions of a job become the reply.
class Intake {
 public:
  // left: called when an identified client has left the bus.
  Intake(BusLoop& loop, session::Sessions& core, const Limits& limits, Peers::Left left);

  // Call it after every other filter was added to the bus: ours must see each message.
  void watch_descriptors() { received_.go_first(); }

  using Known = std::function<void(const PeerPtr&)>;
  // Identifies the caller, then calls `work(peer)` at that user's turn.
  void identified(const std::string& sender, const OwedPtr& reply, Known work);
  // The same for a request whose bytes are counted: the share is charged to the user. Give it to Reply::keep() too, so
  // that the bytes count until the request is answered.
  using Share = std::shared_ptr<ByteBudget::Share>;
  [[nodiscard]] Share take(std::size_t bytes) { return budget_.take(bytes); }
  void identified(const std::string& sender, const OwedPtr& reply, Share share, Known work);

  // For an answer that is written in pieces, in turns with other users.
  using Write = std::function<Turns::Next(const Peer&)>;
  void answer_in_turn(const std::string& sender, const AnswerPtr& answer, Write write);
  // For a call that sd-bus answers by itself, before our code. True: sd-bus may answer. False: the user's share is used
  // up, and the answer from `make` becomes an error at that user's turn.
  using MakeAnswer = std::function<AnswerPtr()>;
  [[nodiscard]] bool library_may_answer(const std::string& sender, const MakeAnswer& make);
  // The user's answer that returned Turns::Next::later can continue.
  void go_on_answering(uid_t uid) { turns_.go_on(uid); }

  // Runs the job on a worker.
  void submit(Work work, const PeerPtr& peer, const OwedPtr& reply, Scheduler::Job job,
              Scheduler::Queue queue = Scheduler::Queue::limited);
  // Call it last in a job: the request continues as another class of work.
  void go_on(Work work, const PeerPtr& peer, const OwedPtr& reply, Scheduler::Job job);
  // Runs the job when no operation is under way on the session. Without `force`, the reply after the grace period is
  // Error(session_busy).
  void submit_when_free(Work work, const PeerPtr& peer, const OwedPtr& reply, const session::SessionView& session,
                        bool force, Scheduler::Job job);
  // From a worker: runs the work on the bus thread at the user's turn.
  void back_in_turn(const PeerPtr& peer, const OwedPtr& reply, std::function<void()> work);

  // Returns a function that is true if the caller has gone or the daemon stops. From any thread.
  [[nodiscard]] std::function<bool()> cancelled(const PeerPtr& peer) const;
  [[nodiscard]] bool is_stopping() const { return *stopping_; }

  [[nodiscard]] BusLoop& loop() { return loop_; }
  [[nodiscard]] Peers& peers() { return peers_; }
  [[nodiscard]] Parking& parking() { return parking_; }
  [[nodiscard]] Scheduler& scheduler() { return scheduler_; }

  // Cancels long requests and stops the turns. Idempotent, as stop() is.
  void prepare_stop();
  // Waits for the workers, and ends the parked requests.
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
