#include "session/operations/run.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault_point.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/text.h"
#include "session/attempts.h"
#include "session/journal.h"
#include "session/operations/end.h"
#include "session/operations/launch_request.h"
#include "session/operations/source_changes.h"
#include "session/operations/state.h"
#include "session/stages/stages.h"
#include "tree/files.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;
using store::SessionState;

namespace {

[[noreturn]] void refuse(const std::string& session, SessionState state) {
  throw Error(ErrorCode::session_not_active,
              concat("session ", session, " is ", store::to_string(state), ", not active"),
              state == SessionState::failed ? concat("`unionroot info ", session, "` says why; `unionroot recover ",
                                                     session, "` or `unionroot end ", session, "`")
                                            : std::string("try again, or begin another session"));
}

// An active session must stay as it is while a command is started. Who holds an active session alone has just begun it,
// or is about to end it: which of them is known soon.
SharedOperation keep_active(const SessionPtr& session) {
  constexpr std::chrono::milliseconds interval{10};
  const auto end = std::chrono::steady_clock::now() + grace_period;
  auto operation = SharedOperation::within(std::chrono::milliseconds::zero(), session);
  while (!operation && session->state() == SessionState::active && std::chrono::steady_clock::now() < end)
    operation = SharedOperation::within(interval, session);
  const auto state = session->state();
  if (state != SessionState::active) refuse(session->id(), state);
  if (operation) return std::move(*operation);
  throw Error(ErrorCode::session_busy, concat("another operation on session ", session->id(), " is under way"),
              "try again");
}

StartedRun started(const Session& session, const std::string& run, int pidfd) {
  const auto& identity = session.identity;
  return {run, identity.owner, session.automatic() && ends_slowly(*session.definition, identity.source), pidfd};
}

// The name that compose_environment gave the user.
std::string user_of(const launch::LaunchSpec& spec) {
  for (const auto& variable : spec.environment)
    if (variable.rfind("USER=", 0) == 0) return variable.substr(5);
  return std::to_string(spec.uid);
}

// A session that lives long may see the host go from one network to another. That it cannot be written (a full layer,
// for one) is no reason not to run the command.
void follow_host(Session& session, int root) {
  if (!follows_resolv_conf(session)) return;
  const auto known = session.resolver.lock();
  try {
    if (tree::follow_resolv_conf(root, {}, *known, half_written_file(session.token())))
      base::log::debug(concat("session ", session.id(), ": its resolv.conf is the host's new one"));
  } catch (const std::exception& error) {
    base::log::warning(concat("session ", session.id(), ": keeping its resolv.conf as the host's: ", error.what()));
  }
}

// unwritten: of the session's stages.
void record_run(Parts& parts, Session& session, const store::RunRecord& run,
                const std::vector<store::StageRecord>& unwritten) {
  if (session.active_with_run) {
    const auto active = session_record(session);
    parts.store.add_run(run, &active, unwritten);
    session.active_with_run = false;
    return;
  }
  try {
    parts.store.add_run(run);
  } catch (const Error& error) {
    // The record is for the next daemon, which a session that stays can do without. On a full disk the command may be
    // the one that makes room. How one ends that changes a tree must be known, and an automatic session stays, or is
    // ended, by the runs that are recorded.
    if (error.code() == ErrorCode::no_such_session || session.identity.source || session.automatic()) throw;
    base::log::warning(concat("session ", session.id(), ": run ", run.id,
                              " goes on, and would not be listed after a restart of the daemon: ", error.what()));
  }
}

// Undoes what run did; nothing was executed, and nobody was told of it.
void discard_run(Parts& parts, Session& session, const std::string& id, launch::LaunchedRun launched) noexcept {
  parts.table.take_run(session, id);
  // Without a client the supervisor, if it did start, ends its command and then itself.
  launched.control.reset();
  launched.hold.reset();
  Attempts attempts;
  attempts.run([&] { parts.cgroups->kill(session.id(), id, std::chrono::seconds(10)); });
  attempts.run([&] { parts.store.remove_run(id); });
  attempts.run([&] {
    if (launched.pidfd) launch::wait_and_reap(launched.pidfd.get());
  });
  for (const auto& problem : attempts.problems())
    base::log::error(concat("session ", session.id(), ": undoing run ", id, ", which could not be started: ", problem));
}

// Its supervisor was killed. What the run has left must not live on, since nobody lists it and nobody ends it.
void kill_abandoned(Parts& parts, const std::string& session, const std::string& run) {
  base::log::warning(
      concat("session ", session, ": the supervisor of run ", run, " was killed; what the run has left is killed too"));
  parts.cgroups->kill(session, run, std::chrono::seconds(10));
}

// How a run ended is read once. Nothing is done for a session that was ended meanwhile.
void look_at_end(Parts& parts, Session& session, const std::string& run, Attempts& attempts) {
  std::string command;
  kernel::ProcessEnd end;
  bool told = true;
  {
    const auto runs = session.runs.lock();
    const auto found = runs->find(run);
    if (found == runs->end()) return;
    command = found->second.record.command;
    end = launch::read_end(found->second.end.get());
    told = !found->second.end || end.how != kernel::ProcessEnd::How::unknown;
  }
  if (session.identity.source) attempts.run([&] { note_command_in_source(parts, session, command, end); });
  if (!told) attempts.run([&] { kill_abandoned(parts, session.id(), run); });
}

void log_problems(const std::string& run, Attempts& attempts) {
  for (const auto& problem : attempts.problems()) base::log::warning(concat("run ", run, " has ended: ", problem));
}

// Its row goes with the session's, unless the session stays.
void end_with_last_run(Parts& parts, const SessionPtr& session, const std::string& run, launch::WaitingClient& client,
                       Attempts& attempts) {
  if (!ends_with_its_run(*session)) attempts.run([&] { parts.store.remove_run(run); });
  bool ended = false;
  try {
    ended = end_automatic(parts, session, client);
  } catch (const std::exception& error) {
    base::log::error(concat(error.what(), "; the session stays until it is ended again"));
  }
  if (!ended && ends_with_its_run(*session)) attempts.run([&] { parts.store.remove_run(run); });
  log_problems(run, attempts);
}

// Before its command is executed: what a client with words of its own says of it.
void tell_client(int hold, const Session& session, const launch::LaunchSpec& spec, const LoginShell& shell) {
  const launch::WaitingClient client(hold);
  const auto& verbosity = session.definition->message_verbosity;
  if (verbosity != "normal") client.tell_verbosity(verbosity);
  for (const auto& [path, error] : shell.not_there) client.tell_no_shell(path, error);
  if (!shell.path.empty()) client.tell_the_shell(shell.path, spec.login_shell, shell.is_another);
}

// made: of the session, which its caller keeps as it is.
Started start(Parts& parts, Session& session, const SetUp& made, const RunRequest& request) {
  const auto id = base::random_token();
  const auto root = made.space->root();
  follow_host(session, root.get());
  LoginShell shell;
  const auto spec = launch_spec(request, *session.definition, session.identity, root.get(), id, &shell);
  launch::LaunchedRun launched;
  try {
    const auto cgroup = parts.cgroups->create(session.id(), id);
    launch::LaunchDescriptors descriptors;
    std::copy(std::begin(request.standard), std::end(request.standard), std::begin(descriptors.standard));
    descriptors.mount_namespace = made.space->descriptor();
    descriptors.root = root.get();
    descriptors.cgroup = cgroup ? cgroup.get() : -1;
    // Whoever holds these holds the locks on the trees: they stay protected should the daemon die under the command.
    for (const auto& lock : made.locks) descriptors.session_locks.push_back(lock.descriptor());
    launched = parts.launcher.launch(spec, descriptors);
    base::fault_point("after spawning a supervisor");

    Run run;
    run.record = {id,
                  session.id(),
                  launched.supervisor,
                  spec.uid,
                  user_of(spec),
                  base::printable(base::join(spec.arguments, " ")),
                  cgroup ? id : std::string(),
                  base::now_microseconds()};
    record_run(parts, session, run.record, made.unwritten);
    run.pidfd = launched.pidfd.duplicate();
    run.end = std::move(launched.end);
    tell_client(launched.hold.get(), session, spec, shell);
    if (session.automatic()) run.hold = std::move(launched.hold);
    if (session.automatic() && session.identity.source)
      launch::WaitingClient(run.hold.get())
          .tell_source(std::holds_alternative<definition::FileSource>(session.definition->source));
    parts.table.add_run(session.shared_from_this(), std::move(run));
    if (parts.events.run_started) parts.events.run_started(started(session, id, launched.pidfd.get()));
    base::fault_point("before a command is executed");
    launched.go();
    return {session.id(), id, std::move(launched.control)};
  } catch (...) {
    discard_run(parts, session, id, std::move(launched));
    throw;
  }
}

}  // namespace

Started run(Parts& parts, const SessionPtr& session, const RunRequest& request) {
  const auto operation = keep_active(session);
  return start(parts, *session, *operation.operator->(), request);
}

Started run(Parts& parts, Operation& operation, const RunRequest& request) {
  return start(parts, operation.session(), *operation.operator->(), request);
}

void run_ended(Parts& parts, const std::string& id) {
  const auto session = parts.table.session_of_run(id);
  if (!session) return;  // it was ended meanwhile
  Attempts attempts;
  // Before it is taken away: that is what whoever ends the session waits for.
  look_at_end(parts, *session, id, attempts);
  const auto run = parts.table.take_run(*session, id);
  if (session->automatic() && session->run_count() == 0) {
    launch::WaitingClient client(run ? run->hold.get() : -1);
    end_with_last_run(parts, session, id, client, attempts);
    return;  // only now does the client see the end of the control socket: `run` is dropped with its hold
  }
  attempts.run([&] { parts.store.remove_run(id); });
  if (!session->automatic()) {
    // What the command left running stays, as long as the session does: a service that was started in it. Then the
    // group cannot be removed yet; it goes with the session.
    attempts.run([&] {
      try {
        parts.cgroups->remove(session->id(), id);
      } catch (const base::SystemError& error) {
        if (error.error_number() != EBUSY) throw;
      }
    });
    // It may have held the session's lock under a name of its own.
    if (session->taken_up) attempts.run([&] { parts.lock_directory.clean(); });
  }
  log_problems(id, attempts);
}

void adopt_run(Parts& parts, const store::RunRecord& record) {
  const auto session = parts.table.find(record.session);
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, record.supervisor.pid, 0)));
  if (!pidfd || !base::is_alive(record.supervisor)) {
    const bool this_boot = record.supervisor.boot_id == base::boot_id();  // else the whole session was cut off
    if (session && session->identity.source && this_boot) note_command_in_source(parts, *session, record.command, {});
    if (session && this_boot) {
      const auto group = parts.cgroups->open(record.session, record.id);
      if (group && !launch::saw_the_end(group.get())) kill_abandoned(parts, record.session, record.id);
    }
    parts.store.remove_run(record.id);
    return;
  }
  if (!session) return;  // its session could not be taken up: the next start sees to both
  const auto watched = pidfd.duplicate();
  auto end = launch::end_of_supervisor(pidfd.get());
  parts.table.add_run(session, {record, std::move(pidfd), std::move(end), UniqueFd()});
  if (parts.events.run_started) parts.events.run_started(started(*session, record.id, watched.get()));
}

}  // namespace unionroot::session
