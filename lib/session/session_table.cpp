#include "session/session_table.h"

#include <poll.h>
#include <sys/statvfs.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

// A supervisor reaps its command, then tells the client, then ends: on a busy machine that takes time. Where the kernel
// does not list children (proc(5)) this is never known.
bool has_no_child(pid_t pid) {
  const auto children = base::try_read_file(concat("/proc/", pid, "/task/", pid, "/children"));
  return children && children->empty();
}

}  // namespace

void SessionTable::add(const LiveSessionPtr& session, unsigned owner_limit) {
  const std::lock_guard guard(mutex_);
  const auto& record = session->record;
  if (sessions_.contains(record.id))
    throw Error(ErrorCode::session_exists, concat("there is a session ", record.id, " already"),
                "choose another name with --name, or leave it out");
  unsigned& count = per_owner_[record.owner];
  if (record.owner != 0 && owner_limit != 0 && count >= owner_limit)
    throw Error(ErrorCode::limit_exceeded,
                concat("user ", record.owner_name, " has ", count, " sessions already, the limit"),
                "end some of them (`unionroot list`, `unionroot end`), or have sessions-per-user raised");
  sessions_.emplace(record.id, session);
  ++count;
}

void SessionTable::remove(const std::string& id) {
  const std::lock_guard guard(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  const auto owner = per_owner_.find(found->second->record.owner);
  if (owner != per_owner_.end() && --owner->second == 0) per_owner_.erase(owner);
  sessions_.erase(found);
}

LiveSessionPtr SessionTable::find(const std::string& id) const {
  const std::lock_guard guard(mutex_);
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second;
}

LiveSessionPtr SessionTable::require(const SessionId& wanted) const {
  auto session = find(wanted.id);
  if (session && (!wanted.created || session->record.created == *wanted.created)) return session;
  throw Error(ErrorCode::no_such_session,
              concat("no session ", base::printable(wanted.id), session ? " any more; another has that name now" : ""),
              "`unionroot list --sessions` shows those there are");
}

std::vector<LiveSessionPtr> SessionTable::all() const {
  const std::lock_guard guard(mutex_);
  std::vector<LiveSessionPtr> list;
  list.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) list.push_back(session);
  return list;
}

store::SessionRecord SessionTable::change(LiveSession& session,
                                          const std::function<void(store::SessionRecord&)>& edit) {
  const std::lock_guard guard(mutex_);
  edit(session.record);
  return session.record;
}

store::SessionRecord SessionTable::record(const LiveSession& session) const {
  const std::lock_guard guard(mutex_);
  return session.record;
}

store::SessionState SessionTable::state(const LiveSession& session) const {
  const std::lock_guard guard(mutex_);
  return session.record.state;
}

void SessionTable::publish(LiveSession& session) {
  const std::lock_guard guard(mutex_);
  session.journal = session.pipeline.journal();
  session.upper = session.context.upper;
  session.notes = session.context.notes;
  session.measured = session.context.measured;
}

void SessionTable::set_progress(LiveSession& session, const Progress& progress) {
  const std::lock_guard guard(mutex_);
  session.progress = progress;
}

void SessionTable::add_run(LiveRun run) {
  const std::lock_guard guard(mutex_);
  auto id = run.record.id;
  runs_.emplace(std::move(id), std::move(run));
}

std::optional<SessionTable::FoundRun> SessionTable::find_run(const std::string& id) const {
  const std::lock_guard guard(mutex_);
  const auto run = runs_.find(id);
  if (run == runs_.end()) return std::nullopt;
  const auto session = sessions_.find(run->second.record.session);
  return FoundRun{run->second.record, session == sessions_.end() ? nullptr : session->second};
}

kernel::ProcessEnd SessionTable::end_of_run(const std::string& id) const {
  const std::lock_guard guard(mutex_);
  const auto run = runs_.find(id);
  return run == runs_.end() ? kernel::ProcessEnd{} : launch::read_end(run->second.end.get());
}

std::optional<LiveRun> SessionTable::take_run(const std::string& id) {
  const std::lock_guard guard(mutex_);
  auto node = runs_.extract(id);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

std::vector<LiveRun> SessionTable::take_runs_of(const std::string& session) {
  std::vector<LiveRun> taken;
  const std::lock_guard guard(mutex_);
  for (auto run = runs_.begin(); run != runs_.end();) {
    if (run->second.record.session != session) {
      ++run;
      continue;
    }
    taken.push_back(std::move(run->second));
    run = runs_.erase(run);
  }
  return taken;
}

std::size_t SessionTable::runs_of(const std::string& session) const {
  const std::lock_guard guard(mutex_);
  std::size_t count = 0;
  for (const auto& [id, run] : runs_) count += run.record.session == session ? 1 : 0;
  return count;
}

bool SessionTable::has_ended_run(const std::string& session) const {
  const std::lock_guard guard(mutex_);
  return std::any_of(runs_.begin(), runs_.end(), [&](const auto& entry) {
    const LiveRun& run = entry.second;
    pollfd watched{run.pidfd.get(), POLLIN, 0};
    return run.record.session == session && run.pidfd &&
           (::poll(&watched, 1, 0) == 1 || has_no_child(run.record.supervisor.pid));
  });
}

void SessionTable::measure(const LiveSession& session, SessionView& view) const {
  base::UniqueFd root;
  {
    const std::lock_guard guard(mutex_);
    if (const auto held = session.measured.lock()) root = held->duplicate();
  }
  // Without the mutex: a device may be slow to answer.
  struct statvfs facts {};
  if (!root || ::fstatvfs(root.get(), &facts) != 0) return;
  view.upper_size = std::uint64_t{facts.f_blocks} * facts.f_frsize;
  view.upper_used = std::uint64_t{facts.f_blocks - facts.f_bfree} * facts.f_frsize;
}

SessionView SessionTable::view(const LiveSession& session, const mount::HostViews& views) const {
  const std::lock_guard guard(mutex_);
  SessionView view;
  view.record = session.record;
  view.type = session.definition->type;
  view.stages = session.journal;
  view.upper = session.upper;
  view.notes = session.notes;
  view.progress = session.progress;
  view.definition = session.definition;
  if (session.definition->host_view && session.record.state == store::SessionState::active)
    view.location = views.view_path(session.record.id);
  for (const auto& [id, run] : runs_)
    if (run.record.session == session.record.id) view.runs.push_back(run.record);
  return view;
}

}  // namespace unionroot::session
