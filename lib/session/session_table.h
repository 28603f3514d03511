// The existing sessions, by id and by the runs in them, and their number for each owner.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "session/held_sessions.h"
#include "session/requests.h"
#include "session/session.h"

namespace unionroot::session {

// Thread-safe.
class SessionTable {
 public:
  // Throws Error(session_exists). Throws Error(limit_exceeded) if the owner has `owner_limit` sessions that live, or
  // ended and are still held. 0: no limit. Root has no limit.
  void add(const SessionPtr& session, unsigned owner_limit, HeldSessions& held);
  void remove(const Session& session);                                // only this one, not a later one of its id
  [[nodiscard]] SessionPtr find(const std::string& id) const;         // nullptr if there is none
  [[nodiscard]] SessionPtr find_same(const SessionId& wanted) const;  // nullptr if that one is gone
  [[nodiscard]] SessionPtr require(const SessionId& wanted) const;    // throws Error(no_such_session)
  [[nodiscard]] bool has(const Session& session) const;               // false once it has ended
  [[nodiscard]] std::vector<SessionPtr> all() const;

  // A run is added to its session and to this table together, and removed from both together.
  void add_run(const SessionPtr& session, Run run);
  [[nodiscard]] SessionPtr session_of_run(const std::string& run) const;  // nullptr if it has ended
  std::optional<Run> take_run(Session& session, const std::string& run);  // removes and returns it
  Runs take_runs(Session& session);                                       // removes and returns them

 private:
  struct Refused {
    unsigned live = 0, held = 0;
  };
  std::optional<Refused> try_add(const SessionPtr& session, unsigned owner_limit, HeldSessions& held);

  mutable std::mutex mutex_;
  std::map<std::string, SessionPtr> sessions_;
  std::map<uid_t, unsigned> per_owner_;
  std::map<std::string, SessionPtr> by_run_;
};

}  // namespace unionroot::session
