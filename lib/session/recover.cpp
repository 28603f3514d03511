// Setting up a session again from its upper layer: after a reboot, or when a set-up failed.
#include "base/error.h"
#include "base/log.h"
#include "base/rollback.h"
#include "base/text.h"
#include "session/manager_state.h"
#include "session/reporting.h"
#include "session/sources/source.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using store::SessionState;

void Manager::Impl::mark_failed(LiveSession& session, const std::string& why) {
  const auto record = table.change(session, [&](auto& shown) {
    shown.state = SessionState::failed;
    shown.error = why;
    shown.notes = notes_to_json(session.context.notes);
  });
  try {
    store.update_session(record);
  } catch (const std::exception& error) {
    base::log::error(concat("session ", record.id, ": noting that it failed: ", error.what()));
  }
  table.publish(session);
  if (events.session_changed) events.session_changed(record.id);
}

void Manager::Impl::tell_notes(LiveSession& session) {
  auto& notes = session.context.notes;
  if (session.notes_told == notes.size()) return;
  for (auto& told = session.notes_told; told < notes.size(); ++told)
    base::log::info(concat("session ", session.record.id, ": ", notes[told]));
  if (notes.size() > most_kept_notes) notes.erase(notes.begin(), notes.end() - most_kept_notes);
  session.notes_told = notes.size();
  table.publish(session);
}

void Manager::Impl::recover_locked(const LiveSessionPtr& session, const std::function<bool()>& cancelled,
                                   TellProgress progress) {
  const auto id = session->record.id;
  const auto state = table.state(*session);
  if (state == SessionState::active) return;  // whole already
  if (state != SessionState::failed && state != SessionState::recovering)
    throw Error(ErrorCode::session_not_active, concat("session ", id, " is ", store::to_string(state), ", not failed"),
                "wait until that is over; `unionroot list --sessions` shows the state");
  const Reporting reporting(table, events, *session, std::move(progress));
  base::Rollback not_cancelled_later;
  not_cancelled_later.add([&context = session->context] { context.cancelled = {}; });
  session->context.cancelled = [&] { return session->end_wanted || (cancelled && cancelled()); };
  try {
    // One that was active is taken up again at the next start whatever the store says of it, so nothing is written
    // then: hundreds of sessions are recovered at boot.
    const auto record = table.change(*session, [](auto& shown) { shown.state = SessionState::recovering; });
    if (state == SessionState::failed) store.update_session(record);
    if (session->locks.empty()) hold_locks_again(*session);
    kill_processes(*session);
    for (const auto& left : session->pipeline.tear_down(session->context, TearDown::keep_data))
      base::log::warning(concat("session ", id, ": before its recovery: ", left));
    session->context.recovering = true;
    session->context.notes.clear();
    session->notes_told = 0;
    session->pipeline.set_up(session->context, TearDown::keep_data, journal_of(*session));
    activate(*session);
  } catch (const std::exception& error) {
    tell_notes(*session);
    const auto* known = dynamic_cast<const Error*>(&error);
    // What a daemon that stops breaks off, the next one begins again: the store has the session as one to be recovered.
    if (!stopping || known == nullptr || known->code() != ErrorCode::cancelled) mark_failed(*session, error.what());
    throw;
  }
  tell_notes(*session);
  base::log::info(concat("session ", id, " is recovered"));
  if (events.session_changed) events.session_changed(id);
}

}  // namespace unionroot::session
