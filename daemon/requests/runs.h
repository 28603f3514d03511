// What is asked about commands that run, or have ended: which, how they end, what they write; and signals for them.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/calls.h"
#include "daemon/describe_run.h"
#include "daemon/reply.h"
#include "daemon/requests/intake.h"
#include "daemon/requests/permission.h"

namespace unionroot::daemon {

// For the bus thread. Each answers through its reply, at once or later.
class Runs {
 public:
  Runs(Intake& intake, Permission& permission, session::Sessions& core, const Operations& operations)
      : intake_(intake), permission_(permission), core_(core), operations_(operations) {}

  using WaitReply = ReplyPtr<Variants>;
  using OutputReply = ReplyPtr<sdbus::UnixFd, sdbus::UnixFd>;
  using KillReply = ReplyPtr<std::uint32_t>;

  // Those that the caller may know of.
  void list(const std::string& sender, const ReplyPtr<std::vector<Variants>>& reply);
  // Answered once the run's command has ended.
  void wait(const std::string& sender, const WaitReply& reply, std::string run);
  // For who asked for the run, and root.
  void output(const std::string& sender, const OutputReply& reply, std::string run);
  void kill(const std::string& sender, const KillReply& reply, KillCall call);

  // How a run has ended. It is not answered before run_ended.
  void told(const store::PastRun& past);
  // It has left its session, or its command has ended and left processes. failure: of noting that.
  void run_ended(const std::string& run, const std::exception_ptr& failure);
  // A client has left the bus.
  void left(const std::string& client);
  // No answer is waited for any more.
  void stop() { waiting_.clear(); }

 private:
  struct Waiting {
    PeerPtr peer;
    WaitReply reply;
    std::string run;
    bool has_ended = false;  // it is being answered
  };
  using WaitingPtr = std::shared_ptr<Waiting>;
  using Past = std::optional<store::PastRun>;
  void look(const WaitingPtr& waiting, const Past& known);
  [[nodiscard]] Past look_up(const Waiting& waiting) const;
  void not_found(const WaitingPtr& waiting, const std::exception_ptr& error);
  void forget(const WaitingPtr& waiting);
  struct Target {
    std::vector<std::string> runs;
    std::optional<session::SessionView> permitted_by;  // who may end it may do it; nullopt: the caller may in any case
  };
  [[nodiscard]] Target target_of(const Peer& peer, const std::string& name) const;

  Intake& intake_;
  Permission& permission_;
  session::Sessions& core_;
  const Operations& operations_;
  std::unordered_multimap<std::string, WaitingPtr> waiting_;  // by run
  std::map<uid_t, std::size_t> looks_;                        // that are under way, of each user
  std::map<std::string, store::PastRun> told_;                // by run; until run_ended
};

}  // namespace unionroot::daemon
