#include "session/operations/state.h"

#include <exception>

#include "base/log.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "session/hooks/hooks.h"
#include "session/journal.h"
#include "session/session_events.h"
#include "session/session_file.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using store::SessionState;

namespace {

// The session file lies beside the upper layer. If that is not in a folder, the session has a folder for the file, in
// case the database is lost. Such a file need not be on the disk at once, since the database's own commit is.
void write_file(Parts& parts, Operation& operation, const store::SessionRecord& record) {
  const bool beside = !operation.upper().empty();
  const auto folder = beside ? sessions_folder(parts.settings, operation.definition()) : parts.folders.own();
  const SessionFile file{record, stage_records(operation.session()), parts.daemon};
  if (!operation->recovering || !session_file_is_current(folder, file)) write_session_file(folder, file, beside);
}

}  // namespace

bool ends_with_its_run(const Session& session) {
  return session.automatic() && !session.identity.source && !has_hooks(*session.definition);
}

Journal journal_of(const Operation& operation) {
  const auto& definition = operation.definition();
  // Each stage for device backings: after a crash we must know whether this session touched the device. Also for hooks
  // and sources: their effects are undone only if they started. All at once in other cases: for automatic sessions,
  // which a crash ends anyway, and for recovery, which sets up hundreds of sessions at boot.
  const bool plain =
      !operation.is_source() && !has_hooks(definition) && definition.union_.backing != definition::UnionBacking::device;
  return plain && (operation.automatic() || operation->recovering) ? Journal::at_once : Journal::each_stage;
}

void activate(Parts& parts, Operation& operation) {
  auto& session = operation.session();
  auto record = session_record(session);
  record.state = SessionState::active;
  record.error.clear();
  record.boot_id = base::boot_id();
  // A recovered session need not be written durably: after a power failure it is recovered again. Otherwise hundreds of
  // sessions would each wait for the disk at boot.
  const bool preserved = !operation.automatic();
  if (preserved) write_file(parts, operation, record);
  if (ends_with_its_run(session))
    session.active_with_run = true;
  else
    parts.store.activate(record, operation->unwritten, preserved && !operation->recovering);
  operation->begun = true;
  static_cast<store::SessionStatus&>(*session.shown.lock()) = record;
}

void mark_failed(Parts& parts, Operation& operation, const std::string& why) {
  auto& session = operation.session();
  {
    const auto shown = session.shown.lock();
    shown->state = SessionState::failed;
    shown->error = why;
  }
  try {
    parts.store.update_session(session_record(session));
  } catch (const std::exception& error) {
    base::log::error(concat("session ", operation.id(), ": noting that it failed: ", error.what()));
  }
  auto event = session_event(events::Kind::session_failed, session);
  event.error = why;
  parts.tell(event);
  parts.tell_changed(operation);
}

}  // namespace unionroot::session
