// Running a command in a session, and what happens when it has ended.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/text.h"
#include "session/launch_request.h"
#include "session/manager_state.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;
using store::SessionState;

namespace {

std::int64_t now_microseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

[[noreturn]] void refuse(const store::SessionRecord& session, SessionState state) {
  throw Error(ErrorCode::session_not_active, concat("session ", session.id, " is ", store::to_string(state), ", not active"),
              state == SessionState::failed ? concat("`unionroot info ", session.id, "` says why; `unionroot recover ", session.id,
                                                     "` or `unionroot end ", session.id, "`")
                                            : std::string("try again, or begin another session"));
}

// The name that compose_environment gave the user.
std::string user_of(const launch::LaunchSpec& spec) {
  for (const auto& variable : spec.environment)
    if (variable.rfind("USER=", 0) == 0) return variable.substr(5);
  return std::to_string(spec.uid);
}

}  // namespace

Manager::Started Manager::Impl::run(const LiveSessionPtr& session, const RunRequest& request) {
  const std::shared_lock operation(session->operation, std::try_to_lock);
  const auto state = table.state(*session);
  if (!operation || state != SessionState::active) refuse(session->record, state);

  const auto id = base::random_token();
  const auto root = session->context.space->root();
  const auto spec = launch_spec(request, *session->definition, session->record, root.get(), id);
  const auto cgroup = cgroups->create(session->record.id, id);
  try {
    launch::LaunchDescriptors descriptors;
    std::copy(std::begin(request.standard), std::end(request.standard), std::begin(descriptors.standard));
    descriptors.mount_namespace = session->context.space->descriptor();
    descriptors.root = root.get();
    descriptors.cgroup = cgroup ? cgroup.get() : -1;
    // Whoever holds this holds the lock on the tree: it stays protected should the daemon die under the command.
    if (!session->locks.empty()) descriptors.session_lock = session->locks.front().descriptor();
    auto launched = launcher.launch(spec, descriptors);

    LiveRun run;
    run.record = {id, session->record.id, launched.supervisor, spec.uid, user_of(spec), base::printable(base::join(spec.arguments, " ")),
                  cgroup ? id : std::string(), now_microseconds()};
    store.add_run(run.record);
    const auto watched = launched.pidfd.duplicate();
    run.pidfd = std::move(launched.pidfd);
    if (session->context.automatic()) run.hold = std::move(launched.hold);
    table.add_run(std::move(run));
    if (events.run_started) events.run_started(id, watched.get());
    return {session->record.id, id, std::move(launched.control)};
  } catch (...) {
    // The client's end of the control socket is closed by now, so a supervisor that did start ends its command.
    try {
      cgroups->kill(session->record.id, id, std::chrono::seconds(10));
    } catch (const std::exception& error) {
      base::log::error(concat("session ", session->record.id, ": removing the control group of run ", id, ": ", error.what()));
    }
    throw;
  }
}

void Manager::Impl::run_ended(const std::string& id) {
  auto run = table.take_run(id);
  if (!run) return;  // its session was ended meanwhile
  const auto session = table.find(run->record.session);
  store.remove_run(id);
  if (!session) return;
  if (session->record.kind != store::SessionKind::automatic) {
    // What the command left running stays, as long as the session does: a service that was started in it. Then the group
    // cannot be removed yet; it goes with the session.
    try {
      cgroups->remove(run->record.session, id);
    } catch (const base::SystemError& error) {
      if (error.error_number() != EBUSY) base::log::warning(error.what());
    }
    return;
  }
  if (table.runs_of(run->record.session) != 0) return;
  try {
    end(session, true);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::no_such_session) throw;  // somebody ended it first
  }
  // Only now does the client see the end of the control socket: `run` is dropped with its hold.
}

void Manager::Impl::adopt_run(const store::RunRecord& record) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, record.supervisor.pid, 0)));
  if (!pidfd || !base::is_alive(record.supervisor)) {
    store.remove_run(record.id);
    return;
  }
  const auto watched = pidfd.duplicate();
  table.add_run({record, std::move(pidfd), UniqueFd()});
  if (events.run_started) events.run_started(record.id, watched.get());
}

}  // namespace unionroot::session
