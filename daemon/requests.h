// Requests from the bus, whichever object they came to: identify the caller, hand the work to a lane, reply.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/bus_loop.h"
#include "daemon/calls.h"
#include "daemon/describe.h"
#include "daemon/dispatcher.h"
#include "daemon/operations.h"
#include "daemon/peers.h"
#include "daemon/reply.h"

namespace unionroot::daemon {

// How much one user may ask for at once.
struct RequestLimits {
  Lane::Limits operations{"operations", 12, 4, 256};
  Lane::Limits queries{"queries", 3, 1, 256};
  Lane::Limits endings{"ends of runs", 6, 2, 0};
  std::size_t waiting = 16;
};

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
  Requests(BusLoop& loop, Operations& operations, definition::Registry& registry, const RequestLimits& limits,
           Tellings tell);

  using BeginReply = ReplyPtr<std::string, sdbus::ObjectPath>;
  using RunReply = ReplyPtr<sdbus::UnixFd, std::string, std::string, Dictionary>;
  using EndReply = ReplyPtr<std::vector<std::string>>;
  using RecoverReply = ReplyPtr<bool>;
  using EmptyReply = ReplyPtr<>;

  void begin(const std::string& sender, BeginReply reply, BeginCall call);
  void run(const std::string& sender, RunReply reply, RunCall call);
  void end(const std::string& sender, EndReply reply, EndCall call);
  void recover(const std::string& sender, RecoverReply reply, RecoverCall call);
  void reload(const std::string& sender, EmptyReply reply);
  void info(const std::string& sender, ReplyPtr<Dictionary> reply, std::string name);
  void list_sessions(const std::string& sender, ReplyPtr<std::vector<Dictionary>> reply);
  void location(const std::string& sender, ReplyPtr<std::string> reply, std::string session);

  // For the daemon's own work on behalf of a user: not bounded, and apart from what users ask for. From any thread.
  void in_background(uid_t uid, std::function<void()> job) { endings_.submit(uid, std::move(job)); }

  // Makes waiting and long requests give up, and waits for those under way. Bus thread; idempotent.
  void stop();

 private:
  // Finds out who calls, then runs `work(peer)` on the lane; whatever fails on the way fails the reply.
  template <typename Reply, typename Work>
  void dispatch(Lane& lane, const std::string& sender, const Reply& reply, Work work);
  template <typename Reply, typename Work>
  void dispatch_waiting(bool waits, const std::string& sender, const Reply& reply, Work work);
  [[nodiscard]] std::function<bool()> cancelled(const PeerPtr& peer) const;
  [[nodiscard]] session::TellProgress progress(const PeerPtr& peer, const ProgressWish& wish);

  BusLoop& loop_;
  Operations& operations_;
  definition::Registry& registry_;
  const Tellings tell_;
  Peers peers_;
  std::shared_ptr<std::atomic<bool>> stopping_ = std::make_shared<std::atomic<bool>>(false);
  Lane operations_lane_;
  Lane queries_;
  Lane endings_;
  WaitingRoom waiting_;
};

}  // namespace unionroot::daemon
