// Requests from the bus, whichever object they came to: identify the caller, schedule the work, reply.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/failed_requests.h"
#include "daemon/reply.h"
#include "daemon/requests/begins.h"
#include "daemon/requests/intake.h"
#include "daemon/requests/permission.h"
#include "daemon/requests/queries.h"
#include "daemon/requests/runs.h"
#include "daemon/requests/subscriptions.h"

namespace unionroot::daemon {

// What the callers of the methods are told while these are carried out. All on the bus thread.
struct Callbacks {
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
           const Limits& limits, Callbacks callbacks);

  using BeginReply = ReplyPtr<std::string, sdbus::ObjectPath>;
  using RunReply = ReplyPtr<sdbus::UnixFd, std::string, std::string>;
  using EndReply = ReplyPtr<std::vector<std::string>>;
  using RecoverReply = ReplyPtr<bool>;
  using EmptyReply = ReplyPtr<>;

  void begin(const std::string& sender, const BeginReply& reply, BeginCall call);
  void confirm(const std::string& sender, const EmptyReply& reply, std::string session);
  void run(const std::string& sender, const RunReply& reply, RunCall given);
  void end(const std::string& sender, const EndReply& reply, EndCall call);
  void diff(const std::string& sender, const EmptyReply& reply, DiffCall call);
  void reset(const std::string& sender, const RecoverReply& reply, ResetCall call);
  // snapshots.cpp
  using SnapshotReply = ReplyPtr<std::string>;
  using SnapshotsReply = ReplyPtr<std::vector<Variants>>;
  using CloneReply = ReplyPtr<std::vector<std::string>>;
  void snapshot(const std::string& sender, const SnapshotReply& reply, SnapshotCall call);
  void snapshots(const std::string& sender, const SnapshotsReply& reply, std::string session);
  void rollback(const std::string& sender, const EmptyReply& reply, RollbackCall call);
  void clone(const std::string& sender, const CloneReply& reply, CloneCall call);
  using ApplyReply = ReplyPtr<std::string, std::vector<std::string>, std::uint64_t>;
  using UndoReply = ReplyPtr<std::string, std::string>;
  void apply(const std::string& sender, const ApplyReply& reply, ApplyCall call);
  void undo(const std::string& sender, const UndoReply& reply, UndoCall call);
  void recover(const std::string& sender, const RecoverReply& reply, RecoverCall call);
  void take_over(const std::string& sender, const EmptyReply& reply, std::string session);
  void reload(const std::string& sender, const EmptyReply& reply, bool interactive);
  // For root alone.
  void remove_leftover(const std::string& sender, const EmptyReply& reply, std::string name);
  Queries& queries() { return queries_; }
  Runs& runs() { return runs_; }
  Subscriptions& subscriptions() { return subscriptions_; }
  Intake& intake() { return intake_; }

  // A run's supervisor has ended.
  void run_ended(const session::StartedRun& run, const launch::RunEnd& end);
  // A program that read a session's layers has ended.
  void reader_ended(std::uint64_t number) { core_.reader_ended(number); }
  // Its time is over: it is ended, or broken off if it is being begun. Bus thread.
  void end_overdue(const session::SessionView& view);
  // Makes waiting and long requests give up, and waits for those under way. Bus thread; idempotent.
  void stop();
  // Once the last answers are sent.
  void tell_what_failed() { failed_.stop(); }

 private:
  // Should the request fail, the journal is told. describe: what it was.
  template <typename Reply>
  void watch_failure(const PeerPtr& peer, const Reply& reply, FailedRequests::Describe describe) {
    reply->on_failure([this, uid = peer->uid, describe = std::move(describe)](const std::exception_ptr& error) {
      failed_.add(uid, describe, error);
    });
  }
  [[nodiscard]] events::User who_ends(const Peer& peer, const session::SessionView& view) const;
  void began(const BeginReply& reply, const PeerPtr& peer, const session::SessionView& view, bool confirm);
  void end_unconfirmed(const std::string& client);
  void end_for_client_that_left(const session::SessionView& view);
  [[nodiscard]] std::function<void()> ending(const session::SessionView& view, std::string why);
  [[nodiscard]] session::TellProgress progress(const PeerPtr& peer, const ProgressWish& wish);

  BusLoop& loop_;
  session::Sessions& core_;
  Operations& operations_;
  definition::Registry& registry_;
  const Callbacks callbacks_;
  // Of each client, by its name on the bus: what it has not yet confirmed, by session.
  std::unordered_map<std::string, std::map<std::string, session::SessionView>> unconfirmed_;
  Intake intake_;
  FailedRequests failed_;
  Permission permission_;
  Begins begins_;
  Queries queries_;
  Runs runs_;
  Subscriptions subscriptions_;
};

}  // namespace unionroot::daemon
