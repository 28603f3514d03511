// Running a command in a session, and what happens when it has ended.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <shared_mutex>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault_point.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/text.h"
#include "session/attempts.h"
#include "session/launch_request.h"
#include "session/manager_state.h"
#include "session/stages/stages.h"
#include "tree/files.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;
using store::SessionState;

namespace {

[[noreturn]] void refuse(const store::SessionRecord& session, SessionState state) {
  throw Error(ErrorCode::session_not_active,
              concat("session ", session.id, " is ", store::to_string(state), ", not active"),
              state == SessionState::failed ? concat("`unionroot info ", session.id, "` says why; `unionroot recover ",
                                                     session.id, "` or `unionroot end ", session.id, "`")
                                            : std::string("try again, or begin another session"));
}

// An active session is to stay as it is while a command is started. Who holds an active session alone has just begun
// it, or looks at it, or is about to end it: that is known in a moment.
std::shared_lock<std::shared_timed_mutex> keep_active(const SessionTable& table, LiveSession& session) {
  constexpr std::chrono::milliseconds interval{10};
  const auto end = std::chrono::steady_clock::now() + a_moment;
  std::shared_lock operation(session.operation, std::try_to_lock);
  while (!operation && table.state(session) == SessionState::active && std::chrono::steady_clock::now() < end)
    static_cast<void>(operation.try_lock_for(interval));
  const auto state = table.state(session);
  if (state != SessionState::active) refuse(session.record, state);
  if (operation) return operation;
  throw Error(ErrorCode::session_busy, concat("another operation on session ", session.record.id, " is under way"),
              "try again");
}

// The name that compose_environment gave the user.
std::string user_of(const launch::LaunchSpec& spec) {
  for (const auto& variable : spec.environment)
    if (variable.rfind("USER=", 0) == 0) return variable.substr(5);
  return std::to_string(spec.uid);
}

// A session that lives long may see the host go from one network to another. That it cannot be written (a full layer,
// for one) is no reason not to run the command.
void follow_host(LiveSession& session, int root) {
  if (!follows_resolv_conf(session.context)) return;
  const std::lock_guard guard(session.resolver_mutex);
  try {
    const auto temporary = half_written_file(session.record.id);
    if (tree::follow_resolv_conf(root, {}, session.resolver, temporary))
      base::log::debug(concat("session ", session.record.id, ": its resolv.conf is the host's new one"));
  } catch (const std::exception& error) {
    base::log::warning(
        concat("session ", session.record.id, ": keeping its resolv.conf as the host's: ", error.what()));
  }
}

}  // namespace

Manager::Started Manager::Impl::run(const LiveSessionPtr& session, const RunRequest& request) {
  const auto operation = keep_active(table, *session);

  const auto id = base::random_token();
  const auto root = session->context.space->root();
  follow_host(*session, root.get());
  const auto spec = launch_spec(request, *session->definition, session->record, root.get(), id);
  launch::LaunchedRun launched;
  try {
    const auto cgroup = cgroups->create(session->record.id, id);
    launch::LaunchDescriptors descriptors;
    std::copy(std::begin(request.standard), std::end(request.standard), std::begin(descriptors.standard));
    descriptors.mount_namespace = session->context.space->descriptor();
    descriptors.root = root.get();
    descriptors.cgroup = cgroup ? cgroup.get() : -1;
    // Whoever holds these holds the locks on the trees: they stay protected should the daemon die under the command.
    for (const auto& lock : session->locks) descriptors.session_locks.push_back(lock.descriptor());
    launched = launcher.launch(spec, descriptors);
    base::fault_point("after spawning a supervisor");

    LiveRun run;
    run.record = {id,
                  session->record.id,
                  launched.supervisor,
                  spec.uid,
                  user_of(spec),
                  base::printable(base::join(spec.arguments, " ")),
                  cgroup ? id : std::string(),
                  base::now_microseconds()};
    record_run(*session, run.record);
    run.pidfd = launched.pidfd.duplicate();
    run.end = std::move(launched.end);
    if (session->context.automatic()) run.hold = std::move(launched.hold);
    table.add_run(std::move(run));
    if (events.run_started) events.run_started(id, launched.pidfd.get());
    base::fault_point("before a command is executed");
    launched.go();
    return {session->record.id, id, std::move(launched.control)};
  } catch (...) {
    discard_run(*session, id, std::move(launched));
    throw;
  }
}

void Manager::Impl::record_run(LiveSession& session, const store::RunRecord& run) {
  if (session.active_with_run) {
    const auto active = table.record(session);
    store.add_run(run, &active, session.pipeline.pending());
    session.active_with_run = false;
    return;
  }
  try {
    store.add_run(run);
  } catch (const Error& error) {
    // The record is for the next daemon, which a session that stays can do without. On a full disk the command may be
    // the one that makes room. How one ends that changes a tree must be known, and an automatic session stays, or is
    // ended, by the runs that are recorded.
    if (error.code() == ErrorCode::no_such_session || session.record.source || session.context.automatic()) throw;
    base::log::warning(concat("session ", session.record.id, ": run ", run.id,
                              " goes on, and would not be listed after a restart of the daemon: ", error.what()));
  }
}

// Undoes what run did; nothing was executed, and nobody was told of it.
void Manager::Impl::discard_run(const LiveSession& session, const std::string& id,
                                launch::LaunchedRun launched) noexcept {
  table.take_run(id);
  // Without a client the supervisor, if it did start, ends its command and then itself.
  launched.control.reset();
  launched.hold.reset();
  Attempts attempts;
  attempts.run([&] { cgroups->kill(session.record.id, id, std::chrono::seconds(10)); });
  attempts.run([&] { store.remove_run(id); });
  attempts.run([&] {
    if (launched.pidfd) launch::wait_and_reap(launched.pidfd.get());
  });
  for (const auto& problem : attempts.problems())
    base::log::error(
        concat("session ", session.record.id, ": undoing run ", id, ", which could not be started: ", problem));
}

void Manager::Impl::run_ended(const std::string& id) {
  const auto found = table.find_run(id);
  if (!found) return;  // its session was ended meanwhile
  const auto& record = found->record;
  const auto& session = found->session;
  Attempts attempts;
  // Before it is taken away: that is what whoever ends the session waits for.
  if (session && session->record.source)
    attempts.run([&] { note_command_in_source(*session, record.command, table.end_of_run(id)); });
  const auto run = table.take_run(id);
  launch::WaitingClient client(run ? run->hold.get() : -1);
  // Should it stay, the next start finds that nobody runs it. Where it was the last of its session, it goes with that.
  const bool goes_with_session = session && ends_with_its_run(*session) && table.runs_of(session->record.id) == 0;
  if (!goes_with_session) attempts.run([&] { store.remove_run(id); });
  if (session && session->record.kind != store::SessionKind::automatic) {
    // What the command left running stays, as long as the session does: a service that was started in it. Then the
    // group cannot be removed yet; it goes with the session.
    attempts.run([&] {
      try {
        cgroups->remove(record.session, id);
      } catch (const base::SystemError& error) {
        if (error.error_number() != EBUSY) throw;
      }
    });
    // It may have held the session's lock under a name of its own.
    if (session->taken_up) attempts.run([&] { lock_directory.clean(); });
  }
  for (const auto& problem : attempts.problems()) base::log::warning(concat("run ", id, " has ended: ", problem));
  if (!session || session->record.kind != store::SessionKind::automatic) return;
  if (table.runs_of(record.session) != 0) return;
  try {
    end_unasked(session, &client);
  } catch (const std::exception& error) {
    base::log::error(concat(error.what(), "; the session stays until it is ended again"));
  }
  // Only now does the client see the end of the control socket: `run` is dropped with its hold.
}

void Manager::Impl::adopt_run(const store::RunRecord& record) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, record.supervisor.pid, 0)));
  if (!pidfd || !base::is_alive(record.supervisor)) {
    const auto session = table.find(record.session);
    const bool this_boot = record.supervisor.boot_id == base::boot_id();  // else the whole session was cut off
    if (session && session->record.source && this_boot) note_command_in_source(*session, record.command, {});
    store.remove_run(record.id);
    return;
  }
  const auto watched = pidfd.duplicate();
  auto end = launch::end_of_supervisor(pidfd.get());
  table.add_run({record, std::move(pidfd), std::move(end), UniqueFd()});
  if (events.run_started) events.run_started(record.id, watched.get());
}

}  // namespace unionroot::session
