#include "session/recovery/recover.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/rollback.h"
#include "base/text.h"
#include "session/journal.h"
#include "session/operations/end.h"
#include "session/operations/locks.h"
#include "session/operations/state.h"
#include "session/owner_lists.h"
#include "session/reporting.h"
#include "session/session_events.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using store::SessionState;

namespace {

// The request of its begin said so, but is gone. So the lists in the session's definition decide.
bool owner_may_be_root(const Session& session) {
  const auto owner = session.identity.owner;
  return owner == 0 || is_listed_for_root(owner, session.definition->access);
}

}  // namespace

void recover(Parts& parts, Operation& operation, const std::function<bool()>& cancelled, TellProgress progress,
             bool accept_source) {
  auto& session = operation.session();
  const auto& id = session.id();
  const auto state = session.state();
  if (state == SessionState::active) return;  // it needs no recovery
  if (state != SessionState::failed && state != SessionState::recovering)
    throw Error(ErrorCode::session_not_active, concat("session ", id, " is ", store::to_string(state), ", not failed"),
                "wait until that is over; `unionroot list --sessions` shows the state");
  const Reporting reporting(parts, operation, std::move(progress));
  base::Rollback not_cancelled_later;
  not_cancelled_later.add([&operation] { operation->cancelled = {}; });
  operation->cancelled = [&] { return session.end_wanted || (cancelled && cancelled()); };
  try {
    // A session that was active is recovered at the next start, whatever the store says. So nothing is written for it:
    // at boot, hundreds of sessions are recovered.
    session.shown.lock()->state = SessionState::recovering;
    if (state == SessionState::failed) parts.store.update_session(session_record(session));
    if (operation->locks.empty()) hold_locks_again(parts, operation);
    kill_processes(parts, operation);
    for (const auto& left : parts.pipeline.tear_down(operation, TearDown::keep_data))
      base::log::warning(concat("session ", id, ": before its recovery: ", left));
    operation->recovering = true;
    operation->accept_source = accept_source;
    operation->owner_may_be_root = owner_may_be_root(session);
    session.shown.lock()->notes.clear();
    operation->notes_logged = 0;
    parts.pipeline.set_up(operation, TearDown::keep_data, journal_of(operation));
    activate(parts, operation);
  } catch (const std::exception& error) {
    log_notes(operation);
    const auto* known = dynamic_cast<const Error*>(&error);
    // If a stopping daemon cancels a recovery, the next daemon begins it again: in the store the session is still to be
    // recovered.
    if (!parts.stopping || known == nullptr || known->code() != ErrorCode::cancelled)
      mark_failed(parts, operation, error.what());
    throw;
  }
  log_notes(operation);
  parts.tell(session_event(events::Kind::session_recovered, session));
  parts.tell_changed(operation);
}

}  // namespace unionroot::session
