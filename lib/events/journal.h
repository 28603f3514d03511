// Writes events to the journal.
#pragma once

#include "events/event.h"

namespace unionroot::events {

// Sends fields by the journal's own protocol if standard error is the journal (systemd.exec(5): JOURNAL_STREAM).
// Otherwise, or if the journal does not accept the event, writes to the log. Leaves out events below the log's level.
// Thread-safe.
void tell_journal(const Event& event) noexcept;

}  // namespace unionroot::events
