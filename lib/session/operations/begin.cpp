#include "session/operations/begin.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/names.h"
#include "base/rollback.h"
#include "base/text.h"
#include "session/attempts.h"
#include "session/definition_text.h"
#include "session/journal.h"
#include "session/operations/locks.h"
#include "session/operations/state.h"
#include "session/reporting.h"
#include "session/session_file.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

store::SessionRecord record_of(const BeginRequest& request, const definition::DefinitionPtr& definition) {
  store::SessionRecord record;
  record.chroot = definition->name;
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
  record.definition = definition_text(definition);
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

definition::DefinitionPtr variant_of(const definition::DefinitionPtr& definition, bool source) {
  if (!source) return definition;
  if (!definition->clonable())
    throw Error(ErrorCode::invalid_argument,
                concat("chroot ", definition->name, " has no source: its sessions work on the tree itself"),
                concat("begin a session on ", definition->name, " instead"));
  return std::make_shared<const definition::Definition>(definition::source_variant(*definition));
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

SessionPtr make_session(Parts& parts, const BeginRequest& request) {
  const auto definition = with_user_data(request);
  auto variant = variant_of(definition, request.source);
  return std::make_shared<Session>(parts.services, record_of(request, definition), std::move(variant));
}

// An undo of begin. If it fails twice, the next start of the daemon does it.
std::function<void()> undo(const std::string& session, std::function<void()> step) {
  return [session, step = std::move(step)] {
    Attempts attempts;
    attempts.run(step);
    for (const auto& problem : attempts.problems())
      base::log::error(concat("removing session ", session, ", which could not be begun: ", problem,
                              "; it is done when the daemon starts next"));
  };
}

// The current exception. Whoever waits for a session that somebody else ended is told so.
[[noreturn]] void rethrow(const Session& session) {
  try {
    throw;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::cancelled || !session.end_wanted) throw;
    throw Error(ErrorCode::cancelled, concat("session ", session.id(), " was ended while it was being begun"),
                "somebody used `unionroot end --force`; begin another");
  }
}

// A session file of that name is of a session that is not known: of a lost database, or put there by hand. It must not
// be written over, nor go when this session goes.
void refuse_session_file(const Parts& parts, const Operation& operation) {
  for (const auto& folder : {parts.folders.own(), sessions_folder(parts.settings, operation.definition())})
    if (const auto path = session_file_path(folder, operation.id()); ::access(path.c_str(), F_OK) == 0)
      throw Error(ErrorCode::session_exists, concat("there is a session file ", path, " already"),
                  "choose another name, or move its folder away; restarting the daemon sets it aside as an orphan");
}

void set_up(Parts& parts, Operation& operation, const BeginRequest& request) {
  const auto& id = operation.id();
  // What is made here registers its undo, so nothing is taken away that another made: a record of that name may be of a
  // session that could not be taken up.
  base::Rollback rollback;
  parts.table.add(operation.pointer(), parts.settings.sessions_per_user);
  rollback.add([&] { parts.table.remove(operation.session()); });
  const Reporting reporting(parts, operation, request.progress);
  try {
    if (!request.name.empty()) refuse_session_file(parts, operation);
    parts.store.add_session(session_record(operation.session()));
    rollback.add([&] { parts.remove(operation); });
    rollback.add(undo(id, [&] { parts.store.remove_session(id); }));
    parts.tell_added(operation);
    rollback.add(undo(id, [&] { release_locks(parts, operation); }));
    take_locks(parts, operation, wait_of(request, operation->cancelled), request.owner);
    parts.folders.remember(sessions_folder(parts.settings, operation.definition()));
    parts.pipeline.set_up(operation, TearDown::everything, journal_of(operation));
    rollback.add(undo(id, [&] { remove_session_file(parts.folders.own(), id); }));
    activate(parts, operation);
  } catch (...) {
    operation->cancelled = {};  // it refers to the request
    log_notes(operation);
    // Undoes what the stages did, where they have not undone it themselves.
    if (const auto left = parts.pipeline.tear_down(operation, TearDown::everything); !left.empty()) {
      // What is still there stays locked and listed, so that it can be ended once that is mended.
      rollback.commit();
      mark_failed(
          parts, operation,
          concat("it could not be begun, and what was set up could not all be undone: ", base::join(left, "; ")));
    }
    throw;
  }
  rollback.commit();
  operation->cancelled = {};
}

}  // namespace

Operation begin(Parts& parts, const BeginRequest& request) {
  const auto session = make_session(parts, request);
  Operation operation(session);
  operation->cancelled = [&request, &live = *session] {
    return live.end_wanted || (request.cancelled && request.cancelled());
  };
  try {
    set_up(parts, operation, request);
  } catch (...) {
    rethrow(*session);
  }
  log_notes(operation);
  parts.tell_changed(operation);
  return operation;
}

}  // namespace unionroot::session
