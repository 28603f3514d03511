#include "session/reporting.h"

#include <exception>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "session/journal.h"

namespace unionroot::session {

using base::concat;

Reporting::Reporting(const Parts& parts, Operation& operation, TellProgress caller)
    : parts_(parts),
      operation_(operation),
      caller_(std::move(caller)),
      throttle_([this](const Progress& progress) { tell(progress); }) {
  operation_->progress = [this](const Progress& progress) { throttle_.report(progress); };
}

Reporting::~Reporting() {
  operation_->progress = {};
  if (!throttle_.told()) return;
  throttle_.finish();
  try {
    operation_.session().shown.lock()->progress = {};
    // This way it comes after all progress still on its way.
    parts_.tell_changed(operation_);
  } catch (const std::exception& error) {
    base::log::debug(concat("session ", operation_.id(), ": telling its progress: ", error.what()));
  }
}

// Progress may come from inside libarchive. A failure to show it must not fail the work.
void Reporting::tell(const Progress& progress) const noexcept {
  if (operation_->removed) return;
  try {
    if (!progress.said) {
      operation_.session().shown.lock()->progress = progress;
      if (parts_.events.progress) parts_.events.progress(operation_.id(), progress);
    }
    if (caller_) caller_(operation_.id(), progress);
  } catch (const std::exception& error) {
    base::log::debug(concat("session ", operation_.id(), ": telling its progress: ", error.what()));
  }
}

void log_notes(Operation& operation) {
  auto& logged = operation->notes_logged;
  const auto shown = operation.session().shown.lock();
  auto& notes = shown->notes;
  if (logged == notes.size()) return;
  for (; logged < notes.size(); ++logged) base::log::info(concat("session ", operation.id(), ": ", notes[logged]));
  if (notes.size() > most_kept_notes) notes.erase(notes.begin(), notes.end() - most_kept_notes);
  logged = notes.size();
}

}  // namespace unionroot::session
