// Events as lines of the journal.
#pragma once

#include "events/event.h"

namespace unionroot::events {

// By the journal's own protocol, with fields, where standard error is the journal (systemd.exec(5): JOURNAL_STREAM);
// else as lines of the log. Both leave out what the log's level leaves out. Thread-safe.
void tell_journal(const Event& event) noexcept;

}  // namespace unionroot::events
