// Sessions of a former version wrote no token on what they made. The first start of this version marks those things.
#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "owned/place.h"
#include "session/recovery/reconcile.h"
#include "session/session_file.h"
#include "session/sources/source.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using store::SessionState;

namespace {

// A session that never became active may have found somebody else's thing under its name.
bool was_begun(const Parts& parts, const Session& session) {
  const auto state = session.state();
  if (state == SessionState::active || state == SessionState::recovering) return true;
  if (state != SessionState::beginning) {
    // In the store, all stages are done only if the session was active once.
    const auto shown = session.shown.lock();
    const auto done = [](const auto& stage) { return stage.state == store::StageState::done; };
    if (!shown->stages.empty() && std::all_of(shown->stages.begin(), shown->stages.end(), done)) return true;
  }
  for (const auto& folder : {parts.folders.own(), sessions_folder(parts.settings, *session.definition)}) {
    const auto sessions = owned::open_place("the folder of sessions", folder);
    const auto file = sessions ? read_session_file(sessions->get(), folder, session.id()) : std::nullopt;
    if (file && file->record.created == session.identity.created) return true;
  }
  return false;
}

}  // namespace

void Reconciliation::mark_former(Operation& operation) {
  const auto& session = operation.session();
  if (session.identity.marked || !was_begun(parts_, session)) return;
  const auto& definition = operation.definition();
  mark_former_folder(parts_.settings, parts_.folders.own(), operation.token());
  mark_former_folder(parts_.settings, sessions_folder(parts_.settings, definition), operation.token());
  source_kind(definition).mark_former(operation);
  base::log::info(concat("what session ", session.id(), " made outside is now marked with its token"));
  // A device is marked when it is mounted the next time.
  if (definition.has_union() && definition.union_.backing == definition::UnionBacking::device) return;
  parts_.store.set_marked(session.id());
}

}  // namespace unionroot::session
