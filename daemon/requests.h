// Requests from the bus, whichever object they came to: identify the caller, schedule the work, reply.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/bus/answer.h"
#include "daemon/bus/byte_budget.h"
#include "daemon/bus/received_descriptors.h"
#include "daemon/bus/turns.h"
#include "daemon/bus_loop.h"
#include "daemon/calls.h"
#include "daemon/describe.h"
#include "daemon/listing.h"
#include "daemon/operations.h"
#include "daemon/peers.h"
#include "daemon/reply.h"
#include "daemon/scheduler/lock_watch.h"
#include "daemon/scheduler/parking.h"
#include "daemon/scheduler/scheduler.h"

namespace unionroot::daemon {

// What the callers of the methods are told while these are carried out. All on the bus thread.
struct Tellings {
  std::function<void(const session::SessionView&)> begun;  // a new session, before its client is told of it
  std::function<void()> reloaded;
  // caller: its name on the bus; call: the number that it gave.
  std::function<void(const std::string& caller, std::uint32_t call, const std::string& session,
                     const session::Progress& progress)>
      progress;
};

// The methods are for the bus thread. Each answers through its reply, at once or later.
class Requests {
 public:
  Requests(BusLoop& loop, session::Sessions& core, Operations& operations, definition::Registry& registry,
           const Limits& limits, Tellings tell);

  using BeginReply = ReplyPtr<std::string, sdbus::ObjectPath>;
  using RunReply = ReplyPtr<sdbus::UnixFd, std::string, std::string>;
  using EndReply = ReplyPtr<std::vector<std::string>>;
  using RecoverReply = ReplyPtr<bool>;
  using EmptyReply = ReplyPtr<>;

  void begin(const std::string& sender, BeginReply reply, BeginCall call);
  void run(const std::string& sender, RunReply reply, RunCall call);
  void end(const std::string& sender, EndReply reply, EndCall call);
  void recover(const std::string& sender, RecoverReply reply, RecoverCall call);
  void reload(const std::string& sender, EmptyReply reply);
  void list_sessions(const std::string& sender, const AnswerPtr& answer);
  void list_chroots(const std::string& sender, const AnswerPtr& answer);
  void info(const std::string& sender, const AnswerPtr& answer, std::string name);
  // An answer that is written in pieces, in turns with other users. What `write` throws becomes the answer.
  using Write = std::function<Turns::Next(const Peer&)>;
  void answer_in_turn(const std::string& sender, const AnswerPtr& answer, Write write);

  void location(const std::string& sender, ReplyPtr<std::string> reply, std::string session);

  // A run's supervisor has ended.
  void run_ended(const session::StartedRun& run, const launch::RunEnd& end);
  // The daemon's own work, from any thread: of the classes objects and configuration.
  void submit_own(Work work, Scheduler::Job job) { scheduler_.submit(work, 0, std::move(job)); }
  // Its time is over: it is ended, or broken off if it is being begun. Bus thread.
  void end_overdue(const session::SessionView& view);
  // An operation on a session may be over.
  void look_at_parked() { parking_.look(); }

  // Makes waiting and long requests give up, and waits for those under way. Bus thread; idempotent.
  void stop();

 private:
  // Finds out who calls, then calls `work(peer)` on the bus thread, when it is that user's turn; whatever fails on the
  // way fails the reply.
  template <typename Reply, typename Continue>
  void identified(const std::string& sender, const Reply& reply, Continue work);
  // The same for a request that keeps so many bytes until it is answered.
  template <typename Reply, typename Continue>
  void identified(const std::string& sender, const Reply& reply, std::size_t bytes, Continue work);
  // What `work` throws becomes the reply.
  template <typename Reply, typename Job>
  void submit(Work work, const PeerPtr& peer, const Reply& reply, Job job,
              Scheduler::Queue = Scheduler::Queue::limited);
  template <typename Reply, typename Job>
  void go_on(Work work, const PeerPtr& peer, const Reply& reply, Job job);
  // Calls `work` on the bus thread once the caller is known to be allowed that.
  template <typename Reply, typename Continue>
  void permitted(const PeerPtr& peer, const Reply& reply, const session::SessionView& session, Operations::Verb verb,
                 Continue work);
  // Submits the job once nothing is under way on the session. After the grace period the reply is Error(session_busy).
  template <typename Reply, typename Job>
  void submit_when_free(Work work, const PeerPtr& peer, const Reply& reply, const session::SessionView& session,
                        bool force, Job job);
  // On a worker: begins a session, and parks the request while a tree is not free. begun: once it has begun.
  using PendingBegin = std::unique_ptr<session::PendingBegin>;
  using Begun = std::function<void(PendingBegin)>;
  template <typename Reply>
  void go_on_beginning(const PeerPtr& peer, const Reply& reply, WaitingBeginPtr waiting, Begun begun);
  template <typename Reply>
  void park_begin(const PeerPtr& peer, const Reply& reply, WaitingBeginPtr waiting, Begun begun);
  template <typename Reply>
  void resume_begin(const PeerPtr& peer, const Reply& reply, WaitingBeginPtr waiting, Begun begun);
  // Of one that nobody else has: not parked, and not queued.
  template <typename Reply>
  void give_up_begin(const PeerPtr& peer, const Reply& reply, WaitingBeginPtr waiting);
  template <typename Reply>
  void begin_session(const PeerPtr& peer, const Reply& reply, session::BeginRequest request, Begun begun);

  [[nodiscard]] Dictionary describe(const Peer& peer, const std::string& name) const;
  void began(const BeginReply& reply, const PeerPtr& peer, const session::SessionView& view);
  void end_for_client_that_left(const session::SessionView& view);
  [[nodiscard]] std::function<void()> ending(const session::SessionView& view, std::string why);
  [[nodiscard]] std::function<bool()> cancelled(const PeerPtr& peer) const;
  [[nodiscard]] session::TellProgress progress(const PeerPtr& peer, const ProgressWish& wish);

  BusLoop& loop_;
  session::Sessions& core_;
  Operations& operations_;
  definition::Registry& registry_;
  const Tellings tell_;
  Peers peers_;
  Turns turns_;
  ReceivedDescriptors received_;
  ByteBudget budget_;
  std::shared_ptr<std::atomic<bool>> stopping_ = std::make_shared<std::atomic<bool>>(false);
  Parking parking_;
  Scheduler scheduler_;
  LockWatch lock_watch_;
  WaitingBegins waiting_begins_;
  Listing listing_;
};

}  // namespace unionroot::daemon
