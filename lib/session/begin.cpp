// How a session begins: record, locks, stages, active.
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/names.h"
#include "base/text.h"
#include "session/attempts.h"
#include "session/definition_text.h"
#include "session/hooks/hooks.h"
#include "session/manager_state.h"
#include "session/reporting.h"
#include "session/session_file.h"
#include "session/sources/source.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using store::SessionKind;
using store::SessionState;

namespace {

store::SessionRecord record_of(const BeginRequest& request) {
  store::SessionRecord record;
  record.chroot = request.definition->name;
  record.id = request.name.empty() ? concat(record.chroot, "-", base::random_uuid()) : request.name;
  base::require_valid_name("session name", record.id);
  record.selected_name = request.selected_name;
  record.kind = request.kind;
  record.source = request.source;
  record.owner = request.owner.uid;
  record.owner_name = request.owner.name;
  record.created = base::now_microseconds();
  record.boot_id = base::boot_id();
  record.options = nlohmann::json(request.options).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  record.definition = definition_text(request.definition);
  return record;
}

// The user data that the caller sets, for this session alone. What the profile was read from is fixed by then.
definition::DefinitionPtr with_user_data(const BeginRequest& request) {
  if (request.options.empty()) return request.definition;
  auto changed = std::make_shared<definition::Definition>(*request.definition);
  for (const auto& [key, value] : request.options) {
    if (key.rfind("setup.", 0) == 0)
      throw Error(ErrorCode::invalid_argument, concat(key, " cannot be set for one session"),
                  concat("define another chroot with a profile of its own, or set ", key, " in the definition of ",
                         changed->name));
    changed->user_data[key] = value;
  }
  return changed;
}

definition::DefinitionPtr shape_of(const BeginRequest& request) {
  if (!request.source) return request.definition;
  if (!request.definition->clonable())
    throw Error(ErrorCode::invalid_argument,
                concat("chroot ", request.definition->name, " has no source: its sessions work on the tree itself"),
                concat("begin a session on ", request.definition->name, " instead"));
  return std::make_shared<const definition::Definition>(definition::source_variant(*request.definition));
}

locks::Wait wait_of(const BeginRequest& request, std::function<bool()> cancelled) {
  locks::Wait wait;
  wait.cancelled = std::move(cancelled);
  if (request.wait && request.wait->count() < 0)
    wait.limit = std::nullopt;
  else if (request.wait)
    wait.limit = *request.wait;
  return wait;
}

// The current exception. Whoever waits for a session that somebody else ended is told so.
[[noreturn]] void rethrow(const LiveSession& session) {
  try {
    throw;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::cancelled || !session.end_wanted) throw;
    throw Error(ErrorCode::cancelled, concat("session ", session.record.id, " was ended while it was being begun"),
                "somebody used `unionroot end --force`; begin another");
  }
}

}  // namespace

bool Manager::Impl::ends_with_its_run(const LiveSession& session) {
  return session.context.automatic() && !session.context.source && !has_hooks(*session.definition);
}

// A device may be another session's: then it is better known that this one never came to it.
Journal Manager::Impl::journal_of(const LiveSession& session) {
  const auto& definition = *session.definition;
  const bool plain = !session.context.source && !has_hooks(definition) &&
                     definition.union_.backing != definition::UnionBacking::device;
  return plain && (session.context.automatic() || session.context.recovering) ? Journal::at_once : Journal::each_stage;
}

void Manager::Impl::activate(LiveSession& session) {
  const bool preserved = session.record.kind == SessionKind::preserved;
  auto record = session.record;
  record.state = SessionState::active;
  record.error.clear();
  record.boot_id = base::boot_id();
  record.notes = notes_to_json(session.context.notes);
  // A recovered session is as durable as it was: should power fail now, it is recovered again. Hundreds of them would
  // otherwise wait for the disk at boot, one after another.
  const bool again = session.context.recovering;
  if (preserved) {
    // Beside the upper layer; where that is no folder, in one of its own, for the case that the database is lost. Then
    // it need not be on the disk at once: the database's own commit is.
    const bool beside = !session.context.upper.empty();
    const auto folder = beside ? sessions_folder(settings, *session.definition) : folders.own();
    const SessionFile file{record, session.pipeline.journal()};
    if (!again || !says_the_same(folder, file)) write_session_file(folder, file, beside);
  }
  if (ends_with_its_run(session))
    session.active_with_run = true;
  else
    store.activate(record, session.pipeline.pending(), preserved && !again);
  session.context.begun = true;
  table.publish(session);  // before the state says that all of it is there
  // These alone: the others never change, and are read without the table's lock.
  table.change(session, [&](auto& shown) {
    shown.state = record.state;
    shown.error = record.error;
    shown.boot_id = record.boot_id;
    shown.notes = record.notes;  // which whatever is written of it later has, too: its first run, its end
  });
}

// Undoes what begin did before the stages, or after they were torn down.
void Manager::Impl::discard_unbegun(const LiveSessionPtr& session) noexcept {
  Attempts attempts;
  if (const auto left = session->pipeline.tear_down(session->context, TearDown::everything); !left.empty()) {
    // What is still there stays locked and listed, so that it can be ended once that is mended.
    mark_failed(*session,
                concat("it could not be begun, and what was set up could not all be undone: ", base::join(left, "; ")));
    return;
  }
  attempts.run([&] { remove_session_file(folders.own(), session->record.id); });
  attempts.run([&] { release_locks(*session); });
  attempts.run([&] { store.remove_session(session->record.id); });
  for (const auto& problem : attempts.problems())
    base::log::error(concat("removing session ", session->record.id, ", which could not be begun: ", problem,
                            "; it is done when the daemon starts next"));
  table.remove(session->record.id);
  if (events.session_removed) events.session_removed(session->record.id);
}

LiveSessionPtr Manager::Impl::begin(const BeginRequest& asked) {
  auto request = asked;
  request.definition = with_user_data(asked);
  auto shape = shape_of(request);
  const auto session = std::make_shared<LiveSession>(services, stages, record_of(request), std::move(shape),
                                                     std::vector<store::StageRecord>{});
  const std::unique_lock operation(session->operation);
  const auto cancelled = [&request, &live = *session] {
    return live.end_wanted || (request.cancelled && request.cancelled());
  };
  session->context.cancelled = cancelled;
  table.add(session, settings.sessions_per_user);
  const Reporting reporting(table, events, *session, request.progress);
  // A record of that name that is not ours stays: it is a session that could not be taken up.
  bool of_another = false;
  try {
    try {
      store.add_session(session->record);
    } catch (const Error& error) {
      of_another = error.code() == ErrorCode::session_exists;
      throw;
    }
    if (events.session_added) events.session_added(session->record.id);
    take_locks(*session, wait_of(request, cancelled), request.owner);
    folders.remember(sessions_folder(settings, *session->definition));
    session->pipeline.set_up(session->context, TearDown::everything, journal_of(*session));
    try {
      activate(*session);
    } catch (const std::exception&) {
      for (const auto& left : session->pipeline.tear_down(session->context, TearDown::everything))
        base::log::error(concat("session ", session->record.id, ": undoing its set-up: ", left));
      throw;
    }
  } catch (...) {
    session->context.cancelled = {};
    tell_notes(*session);
    if (of_another)
      table.remove(session->record.id);
    else
      discard_unbegun(session);
    rethrow(*session);
  }
  session->context.cancelled = {};
  tell_notes(*session);
  if (events.session_changed) events.session_changed(session->record.id);
  return session;
}

}  // namespace unionroot::session
