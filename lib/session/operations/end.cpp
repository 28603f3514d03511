#include "session/operations/end.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/rollback.h"
#include "base/text.h"
#include "kernel/descendants.h"
#include "session/attempts.h"
#include "session/hooks/hooks.h"
#include "session/hooks/tree_services.h"
#include "session/journal.h"
#include "session/operations/locks.h"
#include "session/operations/source_changes.h"
#include "session/operations/state.h"
#include "session/past_runs.h"
#include "session/reporting.h"
#include "session/session_events.h"
#include "session/session_file.h"
#include "session/sources/source.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using store::SessionState;

namespace {
constexpr std::chrono::seconds kill_limit{10};
// A supervisor tells its client how the command ended, and then ends itself.
constexpr std::chrono::milliseconds last_steps{100};

// A supervisor reaps its command, then tells the client, then ends: on a busy machine that takes time. Where the kernel
// does not list children (proc(5)) this is never known.
bool has_no_child(pid_t pid) {
  const auto children = base::try_read_file(concat("/proc/", pid, "/task/", pid, "/children"));
  return children && children->empty();
}

// True if one of its runs has ended, or the run's command has, and is still to be taken away by whoever watches it.
bool has_ended_run(const Session& session) {
  const auto runs = session.runs.lock();
  return std::any_of(runs->begin(), runs->end(), [](const auto& entry) {
    const Run& run = entry.second;
    pollfd watched{run.pidfd.get(), POLLIN, 0};
    return run.pidfd && !run.left_processes && (::poll(&watched, 1, 0) == 1 || has_no_child(run.record.supervisor.pid));
  });
}

// What fails here does not keep the session from being ended.
template <typename Step>
void try_noting(const std::string& session, const Step& step) {
  Attempts attempts;
  attempts.run(step);
  for (const auto& problem : attempts.problems()) base::log::warning(concat("ending session ", session, ": ", problem));
}

std::vector<kernel::Ancestor> supervisors_of(const Session& session) {
  std::vector<kernel::Ancestor> supervisors;
  const auto runs = session.runs.lock();
  for (const auto& [id, run] : *runs)
    if (run.pidfd) supervisors.push_back({run.record.supervisor.pid, run.pidfd.duplicate()});
  return supervisors;
}

// Noted so that a start after a crash finishes. Where it cannot be noted (the disk is full), ending is what helps.
void note_ending(Parts& parts, Operation& operation) {
  auto& session = operation.session();
  // A start after a crash ends it anyway.
  const bool is_known =
      ends_with_its_run(session) && session.state() == SessionState::active && session.run_count() == 0;
  session.shown.lock()->state = SessionState::ending;
  if (!is_known) try_noting(session.id(), [&] { parts.store.update_session(session_record(session)); });
  parts.tell_changed(operation);
}

// Before anything else is done: a start after a crash must not pack what was thrown away.
void discard_changes(Operation& operation) {
  // What was written in any other session goes with it.
  if (!operation.is_source() || !operation->begun) return;
  if (!is_put_back(operation))
    throw Error(
        ErrorCode::not_supported,
        concat("ending session ", operation.id(), ": its changes cannot be thrown away: it has changed the source of ",
               operation.definition().name, " itself, and not a copy"),
        concat("`unionroot end ", operation.id(), "` ends it, with what it changed"));
  source_kind(operation.definition()).discard_changes(operation);
}

// Where nothing can be thrown away the session lives on: it is not one that is to end.
void discard_or_live_on(Operation& operation) {
  try {
    discard_changes(operation);
  } catch (...) {
    operation.session().end_wanted = false;
    operation->puts_back = true;
    throw;
  }
}

// What to do about a session that could not be ended. Of one with a changed copy of its source there is more to choose.
std::string what_to_do(const Operation& operation) {
  const auto& id = operation.id();
  if (operation.session().end_wanted) return "somebody used `unionroot end --force`, which broke it off";
  if (is_put_back(operation))
    return concat("`unionroot recover ", id, "` to go on working in it; `unionroot end ", id,
                  "` to try again; `unionroot end --discard ", id, "` to throw away what was changed");
  return concat("`unionroot end ", id, "` again once that is mended, or `unionroot end --force ", id, "`");
}

// The commands that were ended with it.
void keep_in_history(Parts& parts, Session& session) {
  std::vector<store::RunRecord> ended;
  {
    const auto runs = session.runs.lock();
    for (auto& [id, run] : *runs)
      if (!std::exchange(run.end_is_told, true)) ended.push_back(run.record);
  }
  for (const auto& run : ended) tell_end(parts, session, run, std::nullopt);
}

// It stays, and can be ended again.
[[noreturn]] void give_up(Parts& parts, Operation& operation, const std::vector<std::string>& left) {
  const auto& id = operation.id();
  const auto why = base::join(left, "; ");
  // What a daemon that stops breaks off, the next one finishes. What fails as the machine goes down has failed.
  if (!parts.stopping || !operation.cancelled()) mark_failed(parts, operation, concat("it could not be ended: ", why));
  throw Error(ErrorCode::stage_failed, concat("ending session ", id, ": ", why), what_to_do(operation));
}

}  // namespace

bool ends_slowly(const definition::Definition& definition, bool source) {
  using namespace unionroot::definition;
  const auto& from = definition.source;
  const auto backing = definition.union_.backing;
  return has_hooks(definition) || !services_of(definition).empty() ||
         (source && std::holds_alternative<FileSource>(from)) || std::holds_alternative<CustomSource>(from) ||
         std::holds_alternative<BtrfsSnapshotSource>(from) || std::holds_alternative<LvmSnapshotSource>(from) ||
         std::holds_alternative<ZfsSnapshotSource>(from) || backing == UnionBacking::image ||
         backing == UnionBacking::device;  // which are written out
}

void wait_for_ended_runs(const Session& session) {
  const auto begin = std::chrono::steady_clock::now();
  const auto within = [begin](auto limit) { return std::chrono::steady_clock::now() - begin < limit; };
  while (session.running_count() != 0 && (within(last_steps) || (has_ended_run(session) && within(grace_period))))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

base::Error busy(const std::string& session, SessionState state) {
  return {
      ErrorCode::session_busy,
      concat("another operation on session ", session, " is under way: it is ", store::to_string(state)),
      concat("`unionroot info ", session, "` shows what becomes of it; try again then, or use `unionroot end --force ",
             session, "` to cancel it")};
}

// What fails here fails for what does not die within the limit, wherever that is; the rest is killed all the same.
void kill_processes(Parts& parts, Operation& operation) {
  const auto end = std::chrono::steady_clock::now() + kill_limit;
  const auto left = [end] {
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    return std::max(time, std::chrono::milliseconds::zero());
  };
  const auto supervisors = supervisors_of(operation.session());
  Attempts attempts;
  if (parts.cgroups->available()) attempts.run([&] { parts.cgroups->kill(operation.id(), "", left()); });
  // A user moves processes out of a control group, where its parent is delegated to him, and out of namespaces.
  if (!supervisors.empty()) attempts.run([&] { kernel::end_descendants(supervisors, left()); });
  // What has no supervisor any more is found by its mount namespace. An automatic session whose group did its work is
  // spared the scan of /proc: what is left of it keeps nothing of ours but its own namespace.
  if (operation->space && (!parts.cgroups->available() || !operation.automatic()))
    attempts.run([&] { kernel::kill_mount_namespace(operation->space->inode(), left()); });
  if (!attempts.problems().empty()) throw Error(ErrorCode::timed_out, base::join(attempts.problems(), "; "));
}

EndResult end(Parts& parts, const SessionPtr& session, EndWish wish, TellProgress progress,
              std::function<bool()> cancelled, std::optional<events::User> who) {
  const auto& id = session->id();
  // What is under way is cancelled, or ends by itself; then the session can be ended whatever that left.
  if (wish.force) session->end_wanted = true;
  auto operation = wish.force ? std::optional<Operation>(session) : Operation::within(grace_period, session);
  if (!operation) throw busy(id, session->state());
  if (!parts.table.has(*session)) {
    if (wish.force) return {};  // one that was being begun, and was cancelled: just what was asked for
    throw Error(ErrorCode::no_such_session, concat("session ", id, " has ended already"));
  }
  if (wish.discard) discard_or_live_on(*operation);
  const Reporting reporting(parts, *operation, std::move(progress));
  auto result = end(parts, *operation, wish.force, std::move(cancelled));
  auto event = session_event(events::Kind::session_ended, *session);
  event.who = std::move(who);
  event.by_force = wish.force;
  parts.tell(event);
  return result;
}

bool end_automatic(Parts& parts, const SessionPtr& session, launch::WaitingClient& client) {
  Operation operation(session);
  if (!parts.table.has(*session)) return true;      // somebody ended it first
  if (session->running_count() != 0) return false;  // another command was started in it: it ends with that
  const Reporting reporting(parts, operation, [&client](const std::string&, const Progress& progress) {
    client.tell_progress(progress.what, progress.done, progress.total);
  });
  try {
    end(parts, operation, !is_put_back(operation), [&client] { return client.cancels(); });
    parts.tell(session_event(events::Kind::session_ended, *session));
    // Nobody waits to be told of another's end: what was written in it is gone in any case.
    if (operation.is_source()) client.tell_ended();
  } catch (const Error& error) {
    // Told by whoever ended it, since one who asks later may find nothing: it may be ended by force by then.
    client.tell_not_ended(concat(error.what(), '\n', error.hint()));
    throw;
  }
  return true;
}

void end_unused(Parts& parts, Operation& operation) {
  const Reporting reporting(parts, operation, {});
  end(parts, operation, !is_put_back(operation));
}

EndResult end(Parts& parts, Operation& operation, bool force, std::function<bool()> cancelled) {
  auto& session = operation.session();
  const auto id = operation.id();
  base::Rollback not_cancelled_later;
  not_cancelled_later.add([&operation] { operation->cancelled = {}; });
  // What is forced is forgotten, whatever stays of it: that is not for a client to bring about by leaving. Who forces
  // the end of what another is packing has that broken off, and does not want to wait for it a second time.
  if (!force)
    operation->cancelled = [&operation, cancelled = std::move(cancelled)] {
      const bool end_wanted = operation.session().end_wanted;
      if (end_wanted) operation->puts_back = false;
      return end_wanted || (cancelled && cancelled());
    };
  const bool changes_source = operation.is_source() && session.state() != SessionState::beginning;
  if (changes_source) wait_for_ended_runs(session);
  note_ending(parts, operation);
  if (changes_source) try_noting(id, [&] { note_source_end(parts, session); });

  Attempts attempts;
  auto& left = attempts.problems();
  const auto give_up_unless_forced = [&] {
    if (!left.empty() && !force) give_up(parts, operation, left);
  };
  if (operation->begun && !session.end_wanted) stop_services(operation);
  attempts.run([&] { parts.layer_readers.end_all(id, kill_limit); });
  attempts.run([&] { kill_processes(parts, operation); });
  // Whatever lives on has the session's layers and mounts. So all of that stays, and its locks, unless somebody wants
  // to have the session forgotten.
  if (!left.empty() && !session.end_wanted) {
    left.front() +=
        concat("; its locks, mounts and layers stay", operation.upper().empty() ? "" : ": ", operation.upper());
    give_up(parts, operation, left);
  }
  for (auto& problem : parts.pipeline.tear_down(operation, TearDown::everything)) left.push_back(std::move(problem));
  log_notes(operation);
  give_up_unless_forced();
  const bool preserved = !operation.automatic();
  if (preserved) attempts.run([&] { remove_session_file(parts.folders.own(), operation.token()); });
  attempts.run([&] { release_locks(parts, operation); });
  give_up_unless_forced();
  keep_in_history(parts, session);
  // Should the record not go, the next start finds the session `ending` and finishes.
  attempts.run([&] { parts.store.remove_session(id, preserved); });
  give_up_unless_forced();
  // Their clients are let go once the session is gone.
  const auto runs = parts.table.take_runs(session);
  for (const auto& [run, taken] : runs) parts.outputs.ended(taken.record.caller, run);
  parts.remove(operation);
  for (const auto& problem : left) base::log::warning(concat("ending session ", id, ": ", problem));
  return {std::move(left)};
}

}  // namespace unionroot::session
