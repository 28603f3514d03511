// The live sessions and their runs, behind one mutex; what listings are copied from.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "session/live_session.h"
#include "session/manager.h"

namespace unionroot::session {

class SessionTable {
 public:
  // Throws Error(session_exists), or Error(limit_exceeded) when `owner_limit` (0: none) sessions of this owner live.
  void add(const LiveSessionPtr& session, unsigned owner_limit);
  void remove(const std::string& id);
  [[nodiscard]] LiveSessionPtr find(const std::string& id) const;       // nullptr if there is none
  [[nodiscard]] LiveSessionPtr require(const SessionId& wanted) const;  // throws Error(no_such_session)
  [[nodiscard]] std::vector<LiveSessionPtr> all() const;

  // Changes what listings show of a session; returns a copy for the store.
  store::SessionRecord change(LiveSession& session, const std::function<void(store::SessionRecord&)>& edit);
  [[nodiscard]] store::SessionRecord record(const LiveSession& session) const;  // a copy
  [[nodiscard]] store::SessionState state(const LiveSession& session) const;
  // Publishes what the stages have left, after an operation.
  void publish(LiveSession& session);
  void set_progress(LiveSession& session, const Progress& progress);

  void add_run(LiveRun run);
  struct FoundRun {
    store::RunRecord record;
    LiveSessionPtr session;  // nullptr if it has gone
  };
  [[nodiscard]] std::optional<FoundRun> find_run(const std::string& id) const;
  // How its command ended. Once.
  [[nodiscard]] kernel::ProcessEnd end_of_run(const std::string& id) const;
  std::optional<LiveRun> take_run(const std::string& id);         // removes it
  std::vector<LiveRun> take_runs_of(const std::string& session);  // removes them
  [[nodiscard]] std::size_t runs_of(const std::string& session) const;
  // True if one of them has ended, or its command has, and is still to be taken away by whoever watches it.
  [[nodiscard]] bool has_ended_run(const std::string& session) const;

  [[nodiscard]] SessionView view(const LiveSession& session, const mount::HostViews& views) const;
  // Fills in size and use of the upper layer, where it has a file system of its own: one system call.
  void measure(const LiveSession& session, SessionView& view) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, LiveSessionPtr> sessions_;
  std::map<uid_t, unsigned> per_owner_;
  std::map<std::string, LiveRun> runs_;
};

}  // namespace unionroot::session
