#include "session/session_events.h"

namespace unionroot::session {

events::Event session_event(events::Kind kind, const Session& session) {
  const auto& identity = session.identity;
  events::Event event{kind};
  event.session = identity.id;
  event.chroot = identity.chroot;
  event.source = identity.source;
  event.owner = {identity.owner, identity.owner_name};
  return event;
}

}  // namespace unionroot::session
