// How a session ends: every process killed, stages torn down in reverse, unlocked, gone.
#include <chrono>
#include <exception>
#include <thread>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/log.h"
#include "base/rollback.h"
#include "base/text.h"
#include "session/attempts.h"
#include "session/manager_state.h"
#include "session/reporting.h"
#include "session/session_file.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using store::SessionKind;
using store::SessionState;

namespace {
constexpr std::chrono::seconds kill_limit{10};
// A supervisor tells its client how the command ended, and then ends itself.
constexpr std::chrono::milliseconds last_steps{100};

// How a command ended is noted after its client was told. It was not interrupted by an end that comes right then.
void wait_for_what_has_ended(const SessionTable& table, const std::string& session) {
  const auto begin = std::chrono::steady_clock::now();
  const auto within = [begin](auto limit) { return std::chrono::steady_clock::now() - begin < limit; };
  while (table.runs_of(session) != 0 && (within(last_steps) || (table.has_ended_run(session) && within(a_moment))))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace

bool is_put_back(const LiveSession& session) {
  return session.record.source && session.context.begun &&
         std::holds_alternative<definition::FileSource>(session.definition->source);
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

EndResult Manager::Impl::end(const LiveSessionPtr& session, bool force, TellProgress progress,
                             std::function<bool()> cancelled) {
  const auto& id = session->record.id;
  std::unique_lock operation(session->operation, std::defer_lock);
  if (force) {
    // What is under way is cancelled, or ends by itself; then the session can be ended whatever that left.
    session->end_wanted = true;
    operation.lock();
  } else if (!operation.try_lock_for(a_moment)) {
    throw Error(ErrorCode::session_busy, concat("another operation on session ", id, " is under way"),
                "try again, or use --force to cancel it");
  }
  if (table.find(id) != session) {
    if (force) return {};  // one that was being begun, and was cancelled: just what was asked for
    throw Error(ErrorCode::no_such_session, concat("session ", id, " has ended already"));
  }
  const Reporting reporting(table, events, *session, std::move(progress));
  return end_locked(session, force, std::move(cancelled));
}

void Manager::Impl::end_unasked(const LiveSessionPtr& session, launch::WaitingClient* client) {
  const std::unique_lock operation(session->operation);
  if (table.find(session->record.id) != session) return;  // somebody ended it first
  if (table.runs_of(session->record.id) != 0) return;     // another command was started in it: it ends with that
  TellProgress tell;
  std::function<bool()> cancelled;
  if (client != nullptr) {
    tell = [client](const std::string&, const Progress& progress) {
      client->tell_progress(progress.what, progress.done, progress.total);
    };
    cancelled = [client] { return client->cancels(); };
  }
  const Reporting reporting(table, events, *session, std::move(tell));
  try {
    end_locked(session, !is_put_back(*session), std::move(cancelled));
  } catch (const Error& error) {
    // Told by whoever ended it, since one who asks later may find nothing: it may be ended by force by then.
    if (client != nullptr) client->tell_not_ended(concat(error.what(), '\n', error.hint()));
    throw;
  }
}

EndResult Manager::Impl::end_locked(const LiveSessionPtr& session, bool force, std::function<bool()> cancelled) {
  const auto id = session->record.id;
  base::Rollback not_cancelled_later;
  not_cancelled_later.add([&context = session->context] { context.cancelled = {}; });
  // What is forced is forgotten, whatever stays of it: that is not for a client to bring about by leaving. Who forces
  // the end of what another is packing has that broken off, and does not want to wait for it a second time.
  if (!force)
    session->context.cancelled = [&live = *session, cancelled = std::move(cancelled)] {
      if (live.end_wanted) live.context.puts_back = false;
      return live.end_wanted || (cancelled && cancelled());
    };
  const bool preserved = session->record.kind == SessionKind::preserved;
  const bool begun = table.state(*session) != SessionState::beginning;
  Attempts attempts;
  auto& left = attempts.problems();
  if (session->record.source && begun) wait_for_what_has_ended(table, id);
  const auto give_up_unless_forced = [&] {
    if (left.empty() || force) return;
    const auto why = base::join(left, "; ");
    // What a daemon that stops breaks off, the next one finishes. What fails as the machine goes down has failed.
    const auto& cancelled_by = session->context.cancelled;
    if (!stopping || !cancelled_by || !cancelled_by()) mark_failed(*session, concat("it could not be ended: ", why));
    throw Error(ErrorCode::stage_failed, concat("ending session ", id, ": ", why),
                session->end_wanted ? std::string("somebody used `unionroot end --force`, which broke it off")
                                    : concat("`unionroot end ", id,
                                             "` again once that is mended, or `unionroot end --force ", id, "`"));
  };
  // A start after a crash ends it anyway.
  const bool is_known =
      ends_with_its_run(*session) && table.state(*session) == SessionState::active && table.runs_of(id) == 0;
  {
    // Noted so that a start after a crash finishes. Where it cannot be noted (the disk is full), ending is what helps.
    Attempts noting;
    noting.run([&] {
      const auto record = table.change(*session, [](auto& shown) { shown.state = SessionState::ending; });
      if (!is_known) store.update_session(record);
    });
    for (const auto& problem : noting.problems()) base::log::warning(concat("ending session ", id, ": ", problem));
  }
  if (events.session_changed) events.session_changed(id);
  if (session->record.source && begun) {
    Attempts noting;
    noting.run([&] { note_source_end(*session); });
    for (const auto& problem : noting.problems()) base::log::warning(concat("ending session ", id, ": ", problem));
  }
  attempts.run([&] { kill_processes(*session); });
  for (auto& problem : session->pipeline.tear_down(session->context, TearDown::everything))
    left.push_back(std::move(problem));
  tell_notes(*session);
  give_up_unless_forced();
  if (preserved) attempts.run([&] { remove_session_file(folders.own(), id); });
  attempts.run([&] { release_locks(*session); });
  give_up_unless_forced();
  // Should the record not go, the next start finds the session `ending` and finishes.
  attempts.run([&] { store.remove_session(id, preserved); });
  give_up_unless_forced();
  // A later session of that name must not inherit them; their clients are let go once the session is gone.
  const auto runs = table.take_runs_of(id);
  table.remove(id);
  if (events.session_removed) events.session_removed(id);
  for (const auto& problem : left) base::log::warning(concat("ending session ", id, ": ", problem));
  return {std::move(left)};
}

}  // namespace unionroot::session
