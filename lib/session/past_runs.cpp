#include "session/past_runs.h"

#include "base/clock.h"

namespace unionroot::session {

namespace {

store::PastEnd past_end(const kernel::ProcessEnd& end) {
  using How = kernel::ProcessEnd::How;
  switch (end.how) {
    case How::exited: return store::PastEnd::exited;
    case How::killed: return store::PastEnd::killed;
    case How::not_started: return store::PastEnd::not_started;
    case How::unknown: break;
  }
  return store::PastEnd::unknown;
}

}  // namespace

store::PastRun past_run(const Session& session, const store::RunRecord& run, const std::optional<launch::RunEnd>& end) {
  store::PastRun past;
  past.run = run;
  past.chroot = session.identity.chroot;
  past.source = session.identity.source;
  past.owner = session.identity.owner;
  past.owner_name = session.identity.owner_name;
  past.end = end ? past_end(end->how) : store::PastEnd::session_ended;
  if (end) {
    past.value = end->how.value;
    past.out_of_memory = end->out_of_memory;
    past.timed_out = end->timed_out;
    past.until = end->at;
  }
  if (past.until == 0) past.until = base::now_microseconds();
  return past;
}

}  // namespace unionroot::session
