// Writes events to the journal.
#pragma once

#include "events/event.h"

namespace unionroot::events {

// If standard error is the journal (systemd.exec(5): JOURNAL_STREAM), this uses the journal's own protocol, with
// fields. Otherwise, or if the journal does not accept the event, it writes to the log. Events below the log's level
// are left out. Thread-safe.
void tell_journal(const Event& event) noexcept;

}  // namespace unionroot::events
