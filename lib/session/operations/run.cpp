#include "session/operations/run.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault_point.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "kernel/descendants.h"
#include "session/attempts.h"
#include "session/beginning_record.h"
#include "session/journal.h"
#include "session/network.h"
#include "session/operations/end.h"
#include "session/operations/launch_request.h"
#include "session/operations/source_changes.h"
#include "session/operations/state.h"
#include "session/past_runs.h"
#include "session/session_events.h"
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

StartedRun started(const Session& session, const std::string& run, int pidfd, int end) {
  const auto& identity = session.identity;
  return {run, identity.owner, session.automatic() && ends_slowly(*session.definition, identity.source), pidfd, end};
}

// The name that compose_environment gave the user.
std::string user_of(const launch::LaunchSpec& spec) {
  for (const auto& variable : spec.environment)
    if (variable.rfind("USER=", 0) == 0) return variable.substr(5);
  return std::to_string(spec.uid);
}

// A session that lives long may see the host go from one network to another. That it cannot be written (a full layer,
// for one) is no reason not to run the command.
void follow_host(Services& services, Session& session, int root) {
  if (!follows_resolv_conf(session)) return;
  const auto known = session.resolver.lock();
  try {
    if (!tree::follow_resolv_conf(root, {}, *known, half_written_file(session.token()))) return;
    note_resolv_conf(services, session);
    base::log::debug(concat("session ", session.id(), ": its resolv.conf is the host's new one"));
  } catch (const std::exception& error) {
    base::log::warning(concat("session ", session.id(), ": keeping its resolv.conf as the host's: ", error.what()));
  }
}

// Whom the session's tree does not know, as one of the name service's, has a name there before the command looks for
// it. In a layer of the session's own alone. That it cannot be written is no reason not to run the command.
void add_user(Services& services, Session& session, int root, const launch::User& user) {
  if (session.identity.source || !has_own_layer(*session.definition) ||
      session.definition->nss == definition::NssMode::none)
    return;
  const auto known = session.resolver.lock();  // one writer at a time
  try {
    std::optional<WrittenFiles> unchanged;
    const auto added = tree::add_user(root, user, half_written_file(session.token()), [&] {
      unchanged.emplace(services, session, std::vector<std::string>{"etc/shadow", "etc/group", "etc/passwd"});
    });
    if (added.is_locked)
      base::log::debug(concat("session ", session.id(), ": user ", base::printable(user.name),
                              " has no name inside: its accounts are being changed (lckpwdf)"));
    for (const auto& note : added.notes) base::log::info(concat("session ", session.id(), ": ", note));
    if (unchanged) unchanged->note(services, session, added.written);
  } catch (const std::exception& error) {
    base::log::warning(
        concat("session ", session.id(), ": user ", base::printable(user.name), " has no name inside: ", error.what()));
  }
}

// unwritten: of the session's stages. must_last: the next daemon is to know of it.
void record_run(Parts& parts, Session& session, const store::RunRecord& run,
                const std::vector<store::StageRecord>& unwritten, bool must_last) {
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
    if (error.code() == ErrorCode::no_such_session || session.identity.source || session.automatic() || must_last)
      throw;
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

// Whether its supervisor, which has gone, was killed before its command had ended.
bool was_abandoned(Parts& parts, const std::string& session, const std::string& run) {
  const auto record = parts.cgroups->open(session, run);
  return record && !launch::saw_the_end(record.get());
}

// told: to this daemon. Of a run that ended while none was there its supervisor has noted it.
// Should that not be had, it is unknown: it is told in any case.
void keep_in_history(Parts& parts, const Session& session, const store::RunRecord& run, launch::RunEnd told) {
  try {
    if (told.how.how == kernel::ProcessEnd::How::unknown)
      if (const auto folder = parts.cgroups->open(session.id(), run.id)) told = launch::recorded_end(folder.get());
  } catch (const std::exception& error) {
    base::log::warning(concat("run ", run.id, ": how it has ended is not known: ", error.what()));
  }
  tell_end(parts, session, run, told);
}

// Nothing is done for a session that was ended meanwhile. False: its command was known to have ended.
bool look_at_end(Parts& parts, Session& session, const std::string& run, const launch::RunEnd& end,
                 Attempts& attempts) {
  store::RunRecord record;
  bool is_told = false;  // by whoever ends the session
  {
    const auto runs = session.runs.lock();
    const auto found = runs->find(run);
    if (found == runs->end()) return true;
    if (found->second.left_processes) return false;
    found->second.left_processes = end.left_processes;
    record = found->second.record;
    is_told = std::exchange(found->second.end_is_told, true);
  }
  if (!is_told) keep_in_history(parts, session, record, end);
  if (session.identity.source) attempts.run([&] { note_command_in_source(parts, session, record.command, end.how); });
  if (!end.left_processes && end.how.how == kernel::ProcessEnd::How::unknown)
    attempts.run([&] {
      if (was_abandoned(parts, session.id(), run)) kill_abandoned(parts, session.id(), run);
    });
  return true;
}

// Of a run that has ended. What may be in it is not the run's: root has put it there, or a former version's supervisor,
// which did not wait for what its command had left. It goes with the session.
void remove_group(Parts& parts, const std::string& session, const std::string& run) {
  kernel::remove_if_empty(*parts.cgroups, session, run);
}

UniqueFd take_hold(Session& session, const std::string& run) {
  const auto runs = session.runs.lock();
  const auto found = runs->find(run);
  return found == runs->end() ? UniqueFd() : std::move(found->second.hold);
}

// One that was never executed has none.
void forget_output(Parts& parts, const store::RunRecord& run, const launch::RunEnd& end) {
  if (end.how.how == kernel::ProcessEnd::How::not_started)
    parts.outputs.remove(run.caller, run.id);
  else
    parts.outputs.ended(run.caller, run.id);
}

void log_problems(const std::string& run, Attempts& attempts) {
  for (const auto& problem : attempts.problems()) base::log::warning(concat("run ", run, " has ended: ", problem));
}

// Its row goes with the session's, unless the session stays.
void end_with_last_run(Parts& parts, const SessionPtr& session, const std::string& run, launch::WaitingClient& client,
                       Attempts& attempts) {
  const bool stays = session->run_count() != 0;  // with what its command has left
  if (!ends_with_its_run(*session) && !stays) attempts.run([&] { parts.store.remove_run(run); });
  bool ended = false;
  try {
    ended = end_automatic(parts, session, client);
  } catch (const std::exception& error) {
    base::log::error(concat(error.what(), "; the session stays until it is ended again"));
  }
  if (!ended && ends_with_its_run(*session) && !stays) attempts.run([&] { parts.store.remove_run(run); });
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

// callers: the network of whoever asks for it, if it is that.
std::string network_of(const definition::Definition& definition, const UniqueFd& callers) {
  if (definition.has_own_network()) return definition.network;
  return callers ? "caller" : "host";
}

// kind: session_begun for the command that an automatic session is begun for.
void tell_run(const Parts& parts, const Session& session, events::Kind kind, const store::RunRecord& run,
              const Caller& caller) {
  auto event = session_event(kind, session);
  event.who = {caller.uid, caller.name};
  event.run = run.id;
  event.command = run.command;
  if (run.uid != caller.uid) event.becomes = {run.uid, run.user};
  parts.tell(event);
}

// A detached one is asked for by its id later, also when it has ended.
std::string new_id(const Parts& parts, const RunRequest& request) {
  auto id = base::random_token();
  if (request.detached && parts.history.keeps())
    while (parts.table.session_of_run(id) || parts.history.find_run(id)) id = base::random_token();
  return id;
}

// Where the output of a detached run goes. Until the table has the run, it counts among its caller's by this.
class NewOutput {
 public:
  NewOutput(Outputs& outputs, const RunRequest& request, const std::string& run)
      : outputs_(outputs), caller_(request.caller.uid), run_(run) {
    if (request.detached) file_ = outputs.create(caller_, run);
  }
  NewOutput(const NewOutput&) = delete;
  NewOutput& operator=(const NewOutput&) = delete;
  ~NewOutput() {
    if (!file_) return;
    if (!kept_) outputs_.remove(caller_, run_);
    outputs_.started(run_);
  }

  [[nodiscard]] int descriptor() const { return file_ ? file_.get() : -1; }
  void keep() { kept_ = true; }

 private:
  Outputs& outputs_;
  const uid_t caller_;
  const std::string& run_;
  UniqueFd file_;
  bool kept_ = false;
};

// made: of the session, which its caller keeps as it is.
Started start(Parts& parts, Session& session, const SetUp& made, const RunRequest& request, events::Kind kind) {
  // An automatic session's namespace is held by its commands alone once the daemon that began it has gone.
  if (!made.space)
    throw Error(
        ErrorCode::session_not_active,
        concat("session ", session.id(), " takes no other command: it was begun for one by a daemon that has gone"),
        "run it in a session of its own, or in one that was begun with `unionroot begin`");
  const auto id = new_id(parts, request);
  NewOutput output(parts.outputs, request, id);
  const auto root = made.space->root();
  follow_host(parts.services, session, root.get());
  auto [spec, callers_groups, network, shell, not_inside] =
      launch_request(request, *session.definition, session.identity, root.get(), id);
  if (not_inside) add_user(parts.services, session, root.get(), *not_inside);
  const auto network_name = network_of(*session.definition, network);
  if (!network) network = open_network(parts.services, session);
  launch::LaunchedRun launched;
  try {
    if (request.detached)
      spec.detached = {request.detached->timeout, request.detached->grace, parts.outputs.limit_of_run()};
    auto group = parts.cgroups->create_run(session.id(), id, callers_groups, request.detached.has_value());
    spec.joined_groups = std::move(group.joined);
    launch::LaunchDescriptors descriptors;
    std::copy(std::begin(request.standard), std::end(request.standard), std::begin(descriptors.standard));
    descriptors.mount_namespace = made.space->descriptor();
    descriptors.root = root.get();
    descriptors.cgroup = group.group();
    descriptors.output = output.descriptor();
    descriptors.network = network ? network.get() : -1;
    descriptors.record = group.record ? group.record.get() : -1;
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
                  group.path,
                  base::now_microseconds(),
                  network_name,
                  request.caller.uid,
                  request.caller.name};
    const auto record = run.record;
    record_run(parts, session, record, made.unwritten, request.detached.has_value());
    run.pidfd = launched.pidfd.duplicate();
    run.detached = request.detached.has_value();
    tell_client(launched.hold.get(), session, spec, shell);
    if (session.automatic()) run.hold = std::move(launched.hold);
    if (session.automatic() && session.identity.source)
      launch::WaitingClient(run.hold.get())
          .tell_source(std::holds_alternative<definition::FileSource>(session.definition->source));
    parts.table.add_run(session.shared_from_this(), std::move(run));
    if (parts.events.run_started)
      parts.events.run_started(started(session, id, launched.pidfd.get(), launched.end.get()));
    tell_run(parts, session, kind, record, request.caller);
    base::fault_point("before a command is executed");
    launched.go();
    output.keep();
    return {session.id(), id, std::move(launched.control)};
  } catch (...) {
    discard_run(parts, session, id, std::move(launched));
    throw;
  }
}

}  // namespace

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

Started run(Parts& parts, const SessionPtr& session, const RunRequest& request) {
  const auto operation = keep_active(session);
  return start(parts, *session, *operation.operator->(), request, events::Kind::run_started);
}

Started run(Parts& parts, Operation& operation, const RunRequest& request) {
  const auto kind = operation.automatic() ? events::Kind::session_begun : events::Kind::run_started;
  return start(parts, operation.session(), *operation.operator->(), request, kind);
}

void run_ended(Parts& parts, const std::string& id, const launch::RunEnd& end) {
  const auto session = parts.table.session_of_run(id);
  if (!session) return;  // it was ended meanwhile
  Attempts attempts;
  // Before it is taken away: that is what whoever ends the session waits for.
  const bool first = look_at_end(parts, *session, id, end, attempts);
  if (end.left_processes && !session->automatic()) {
    base::log::debug(concat("session ", session->id(), ": the command of run ", id, " has ended and left processes"));
    return log_problems(id, attempts);
  }
  const auto hold = take_hold(*session, id);
  if (!end.left_processes)  // else the end of the session needs its supervisor
    if (const auto run = parts.table.take_run(*session, id)) forget_output(parts, run->record, end);
  if (session->automatic() && session->running_count() == 0) {
    launch::WaitingClient client(hold.get());
    end_with_last_run(parts, session, id, client, attempts);
    return;  // only now does the client see the end of the control socket: `hold` goes
  }
  if (end.left_processes) return log_problems(id, attempts);
  attempts.run([&] { parts.store.remove_run(id); });
  if (!session->automatic()) {
    // A supervisor that stayed with processes has ended after them, or was killed.
    if (first)
      attempts.run([&] { remove_group(parts, session->id(), id); });
    else
      attempts.run([&] { parts.cgroups->kill(session->id(), id, std::chrono::seconds(10)); });
    // It may have held the session's lock under a name of its own.
    if (session->taken_up) attempts.run([&] { parts.lock_directory.clean(); });
  }
  log_problems(id, attempts);
}

namespace {

struct Supervisor {
  base::ProcessIdentity process;
  UniqueFd pidfd;
};

// nullopt: it has ended.
std::optional<Supervisor> supervisor_of(const Parts& parts, const std::string& id) {
  const auto session = parts.table.session_of_run(id);
  if (!session) return std::nullopt;
  const auto runs = session->runs.lock();
  const auto found = runs->find(id);
  if (found == runs->end()) return std::nullopt;
  return Supervisor{found->second.record.supervisor, found->second.pidfd.duplicate()};
}

}  // namespace

// The supervisor is looked for first: once it has gone nothing is added, and so nothing is missed.
RunOutput output_of_run(const Parts& parts, const std::string& run, uid_t caller) {
  auto supervisor = supervisor_of(parts, run);
  return {parts.outputs.open(caller, run), supervisor ? std::move(supervisor->pidfd) : UniqueFd()};
}

std::size_t signal_run(Parts& parts, const std::string& run, int number) {
  auto supervisor = supervisor_of(parts, run);
  if (!supervisor || !base::is_alive(supervisor->process)) return 0;
  return kernel::signal_descendants({supervisor->process.pid, std::move(supervisor->pidfd)}, number);
}

void adopt_run(Parts& parts, const store::RunRecord& record) {
  const auto session = parts.table.find(record.session);
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, record.supervisor.pid, 0)));
  if (!pidfd || !base::is_alive(record.supervisor)) {
    const bool this_boot = record.supervisor.boot_id == base::boot_id();  // else the whole session was cut off
    if (session && session->identity.source && this_boot) note_command_in_source(parts, *session, record.command, {});
    if (session) keep_in_history(parts, *session, record, {});
    if (session && this_boot) {
      if (was_abandoned(parts, record.session, record.id))
        kill_abandoned(parts, record.session, record.id);
      else
        remove_group(parts, record.session, record.id);
    }
    parts.store.remove_run(record.id);
    return;
  }
  if (!session) return;  // its session could not be taken up: the next start sees to both
  const auto watched = pidfd.duplicate();
  auto end = launch::end_of_supervisor(pidfd.get());
  const bool detached = parts.outputs.has(record.caller, record.id);
  parts.table.add_run(session, {record, std::move(pidfd), UniqueFd(), false, detached});
  if (parts.events.run_started) parts.events.run_started(started(*session, record.id, watched.get(), end.get()));
}

}  // namespace unionroot::session
