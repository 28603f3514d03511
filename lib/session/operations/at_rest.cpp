#include "session/operations/at_rest.h"

#include <chrono>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "session/attempts.h"
#include "session/hooks/tree_services.h"
#include "session/journal.h"
#include "session/operations/end.h"
#include "session/operations/state.h"
#include "session/recovery/recover.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using store::SessionState;

namespace {

std::string described(const Run& run) {
  return concat("pid ", run.record.supervisor.pid, " (", base::printable(run.record.command), ") of ",
                base::printable(run.record.user), run.left_processes ? ", whose command has left processes" : "");
}

}  // namespace

void require_at_rest(const Session& session, const std::string& doing) {
  const auto& id = session.id();
  const auto state = session.state();
  if (state != SessionState::active)
    throw Error(ErrorCode::session_not_active, concat("session ", id, " is ", store::to_string(state), ", not active"),
                concat("`unionroot info ", id, "` says why"));
  wait_for_ended_runs(session);
  const auto runs = session.runs.lock();
  if (runs->empty()) return;
  std::vector<std::string> texts;
  for (const auto& [run, about] : *runs) texts.push_back(described(about));
  throw Error(ErrorCode::session_busy, concat("commands run in session ", id, ": ", base::join(texts, "; ")),
              concat("let them come to their end, or end them, and ", doing, " it then"));
}

void set_state(Parts& parts, Operation& operation, SessionState state) {
  operation.session().shown.lock()->state = state;
  parts.store.update_session(session_record(operation.session()));
}

void set_up_anew(Parts& parts, Operation& operation, const std::string& doing, const std::function<void()>& write,
                 const std::function<void()>& take_back, TellProgress progress) {
  // They hold what is to be unmounted, and would read what is half done.
  parts.layer_readers.end_all(operation.id(), std::chrono::seconds(10));
  // From now on the next daemon sets it up again, whether there is a plan or not.
  try {
    set_state(parts, operation, SessionState::recovering);
    write();
  } catch (...) {
    // Should the store not take this either, the next daemon sets it up again as it is.
    Attempts attempts;
    attempts.run(take_back);
    if (attempts.problems().empty())
      attempts.run([&] { set_state(parts, operation, SessionState::active); });
    else  // `recover` carries it out: later changes must not be taken back by it
      mark_failed(parts, operation, concat(doing, ": it was broken off: ", attempts.problems().front()));
    throw;
  }
  parts.tell_changed(operation);
  if (operation->begun) stop_services(operation);
  recover(parts, operation, {}, std::move(progress));
}

}  // namespace unionroot::session
