// Progress of one operation on a session: to listings, to everybody who follows events, and to who asked for the
// operation.
#pragma once

#include "session/live_session.h"
#include "session/manager.h"
#include "session/progress.h"
#include "session/session_table.h"

namespace unionroot::session {

// While this lives, what the session's stages report is told. Then nothing is under way any more, which is told as
// well. For the thread that holds session->operation. All arguments but `caller` are borrowed.
class Reporting {
 public:
  Reporting(SessionTable& table, const Events& events, LiveSession& session, TellProgress caller);
  Reporting(const Reporting&) = delete;
  Reporting& operator=(const Reporting&) = delete;
  ~Reporting();

 private:
  void tell(const Progress& progress) const noexcept;

  SessionTable& table_;
  const Events& events_;
  LiveSession& session_;
  const TellProgress caller_;
  ProgressThrottle throttle_;
};

}  // namespace unionroot::session
