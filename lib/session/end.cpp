// How a session ends: every process killed, stages torn down in reverse, unlocked, gone.
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "session/manager_state.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using store::SessionKind;
using store::SessionState;

namespace {
constexpr std::chrono::seconds kill_limit{10};
}

void Manager::Impl::kill_processes(LiveSession& session) {
  const auto& id = session.record.id;
  if (cgroups->available()) cgroups->kill(id, "", kill_limit);
  // Root inside a session is root: it may have moved a process out of the control group. Those are found by their mount
  // namespace. An automatic session whose group did its work is spared the scan of /proc: what is left of it keeps
  // nothing of ours but its own namespace.
  if (session.context.space && (!cgroups->available() || !session.context.automatic()))
    kernel::kill_mount_namespace(session.context.space->inode(), kill_limit);
}

EndResult Manager::Impl::end(const LiveSessionPtr& session, bool force) {
  const auto& id = session->record.id;
  std::unique_lock operation(session->operation, std::defer_lock);
  // With force: wait for whatever is under way; it ends by itself, and then the session can be ended whatever it left.
  if (force) operation.lock();
  else if (!operation.try_lock())
    throw Error(ErrorCode::session_busy, concat("another operation on session ", id, " is under way"),
                "try again, or use --force to wait for it");
  if (table.find(id) != session)
    throw Error(ErrorCode::no_such_session, concat("session ", id, " has ended already"));
  return end_locked(session, force);
}

EndResult Manager::Impl::end_locked(const LiveSessionPtr& session, bool force) {
  const auto id = session->record.id;
  const bool preserved = session->record.kind == SessionKind::preserved;
  EndResult result;
  const auto attempt = [&](const auto& step) {
    try {
      step();
    } catch (const Error& error) {
      result.could_not_undo.push_back(concat(error.what(), error.hint().empty() ? "" : "; ", error.hint()));
    } catch (const std::exception& error) {
      result.could_not_undo.push_back(error.what());
    }
  };
  attempt([&] { store.update_session(table.change(*session, [](auto& record) { record.state = SessionState::ending; })); });
  if (events.session_changed) events.session_changed(id);
  attempt([&] { kill_processes(*session); });
  for (auto& left : session->pipeline.tear_down(session->context, TearDown::everything))
    result.could_not_undo.push_back(std::move(left));
  if (!result.could_not_undo.empty() && !force) {
    const auto why = base::join(result.could_not_undo, "; ");
    mark_failed(*session, concat("it could not be ended: ", why));
    throw Error(ErrorCode::stage_failed, concat("ending session ", id, ": ", why),
                concat("`unionroot end ", id, "` again once that is mended, or `unionroot end --force ", id, "`"));
  }
  attempt([&] {
    for (auto& lock : session->locks) lock.release();
  });
  session->locks.clear();
  // Should the record not go, the next start finds the session `ending` and finishes.
  attempt([&] { store.remove_session(id, preserved); });
  table.remove(id);
  if (events.session_removed) events.session_removed(id);
  for (const auto& left : result.could_not_undo) base::log::warning(concat("ending session ", id, ": ", left));
  return result;
}

}  // namespace unionroot::session
