#include "session/reporting.h"

#include <exception>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace unionroot::session {

Reporting::Reporting(SessionTable& table, const Events& events, LiveSession& session, TellProgress caller)
    : table_(table),
      events_(events),
      session_(session),
      caller_(std::move(caller)),
      throttle_([this](const Progress& progress) { tell(progress); }) {
  session_.context.progress = [this](const Progress& progress) { throttle_.report(progress); };
}

Reporting::~Reporting() {
  session_.context.progress = {};
  if (!throttle_.told()) return;
  throttle_.finish();
  try {
    table_.set_progress(session_, {});
    // In this way it comes after whatever is still on its way, whichever way that takes.
    if (events_.session_changed) events_.session_changed(session_.context.id);
  } catch (const std::exception& error) {
    base::log::debug(base::concat("session ", session_.context.id, ": telling its progress: ", error.what()));
  }
}

// It may be called from within libarchive, and nobody's work is to fail since it could not be shown.
void Reporting::tell(const Progress& progress) const noexcept {
  try {
    table_.set_progress(session_, progress);
    if (events_.progress) events_.progress(session_.context.id, progress);
    if (caller_) caller_(session_.context.id, progress);
  } catch (const std::exception& error) {
    base::log::debug(base::concat("session ", session_.context.id, ": telling its progress: ", error.what()));
  }
}

}  // namespace unionroot::session
