#include "events/journal.h"

#include <sys/uio.h>

// A journal entry does not need the source line of this file.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include <exception>

#include "base/log.h"
#include "base/text.h"

namespace unionroot::events {

using base::concat;

namespace {

using Level = base::log::Level;

Level level_of(Priority priority) {
  switch (priority) {
    case Priority::error: return Level::error;
    case Priority::warning: return Level::warning;
    case Priority::notice:
    case Priority::info: return Level::info;
  }
  return Level::info;
}

void tell_log(Level level, const std::string& text) {
  switch (level) {
    case Level::error: return base::log::error(text);
    case Level::warning: return base::log::warning(text);
    default: return base::log::info(text);
  }
}

// False if the journal does not accept the event.
bool send(const Event& event, const std::string& text) {
  std::vector<std::string> fields{concat("MESSAGE=", text), concat("PRIORITY=", static_cast<int>(priority_of(event))),
                                  "SYSLOG_IDENTIFIER=unionrootd"};
  for (const auto& [name, value] : fields_of(event)) fields.push_back(concat(name, '=', value));
  std::vector<iovec> parts;
  parts.reserve(fields.size());
  for (auto& field : fields) parts.push_back({field.data(), field.size()});
  return ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) == 0;
}

}  // namespace

void tell_journal(const Event& event) noexcept {
  try {
    const auto level = level_of(priority_of(event));
    if (!base::log::is_shown(level)) return;
    const auto text = text_of(event);
    if (!base::log::goes_to_journal() || !send(event, text)) tell_log(level, text);
  } catch (const std::exception& error) {
    base::log::error(concat("writing an event to the journal: ", error.what()));
  }
}

}  // namespace unionroot::events
