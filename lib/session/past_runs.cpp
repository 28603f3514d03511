#include "session/past_runs.h"

#include "base/clock.h"
#include "session/session_events.h"

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

}  // namespace

void tell_end(Parts& parts, const Session& session, const store::RunRecord& run,
              const std::optional<launch::RunEnd>& end) {
  const auto past = past_run(session, run, end);
  parts.history.add(past);
  if (parts.events.run_told) parts.events.run_told(past);
  auto event = session_event(events::Kind::run_ended, session);
  event.who = {run.caller, run.caller_name};
  event.run = run.id;
  event.command = run.command;
  if (run.uid != run.caller) event.becomes = {run.uid, run.user};
  event.ended = {std::string(store::to_string(past.end)), past.value, past.timed_out, past.out_of_memory};
  parts.tell(event);
}

}  // namespace unionroot::session
