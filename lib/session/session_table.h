// The sessions that there are, by id and by the runs in them, and how many each owner has.
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
  // Throws Error(session_exists), or Error(limit_exceeded) when `owner_limit` (0: none) sessions of this owner live, or
  // have ended and are held.
  void add(const SessionPtr& session, unsigned owner_limit, HeldSessions& held);
  void remove(const Session& session);                                // this one, not a later one of its id
  [[nodiscard]] SessionPtr find(const std::string& id) const;         // nullptr if there is none
  [[nodiscard]] SessionPtr find_same(const SessionId& wanted) const;  // nullptr if that one has gone
  [[nodiscard]] SessionPtr require(const SessionId& wanted) const;    // throws Error(no_such_session)
  [[nodiscard]] bool has(const Session& session) const;               // false once it has ended
  [[nodiscard]] std::vector<SessionPtr> all() const;

  // A run goes into its session, and out of it, together with its id here.
  void add_run(const SessionPtr& session, Run run);
  [[nodiscard]] SessionPtr session_of_run(const std::string& run) const;  // nullptr if it has ended
  std::optional<Run> take_run(Session& session, const std::string& run);  // removes it
  Runs take_runs(Session& session);                                       // removes them

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
