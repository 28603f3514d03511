#include "session/session_table.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

std::optional<SessionTable::Refused> SessionTable::try_add(const SessionPtr& session, unsigned owner_limit,
                                                           HeldSessions& held) {
  const std::lock_guard guard(mutex_);
  const auto& identity = session->identity;
  if (sessions_.contains(identity.id))
    throw Error(ErrorCode::session_exists, concat("session ", identity.id, " already exists"),
                "choose another name, or leave it out; `unionroot list` shows its owner");
  if (identity.owner != 0 && owner_limit != 0) {
    const auto found = per_owner_.find(identity.owner);
    const Refused count{found == per_owner_.end() ? 0 : found->second, held.count(identity.owner)};
    if (count.live + count.held >= owner_limit) return count;
  }
  sessions_.emplace(identity.id, session);
  ++per_owner_[identity.owner];
  return std::nullopt;
}

void SessionTable::add(const SessionPtr& session, unsigned owner_limit, HeldSessions& held) {
  const auto refused = try_add(session, owner_limit, held);
  if (!refused) return;
  const auto& identity = session->identity;
  // This reads all of /proc, so the mutex is not held.
  const auto ended = refused->held == 0 ? std::string() : held.describe(identity.owner);
  if (ended.empty())
    throw Error(ErrorCode::limit_exceeded,
                concat("user ", identity.owner_name, " has ", refused->live, " sessions already, the limit"),
                "end some of them (`unionroot list`, `unionroot end`), or have sessions-per-user raised");
  throw Error(ErrorCode::limit_exceeded,
              concat("user ", identity.owner_name, " has ", refused->live,
                     refused->live == 1 ? " session" : " sessions", ", and ", ended, "; the limit is ", owner_limit),
              "close what holds the ended sessions, end others (`unionroot list`, `unionroot end`), or have "
              "sessions-per-user raised");
}

void SessionTable::remove(const Session& session) {
  const std::lock_guard guard(mutex_);
  const auto found = sessions_.find(session.id());
  if (found == sessions_.end() || found->second.get() != &session) return;
  const auto owner = per_owner_.find(session.identity.owner);
  if (owner != per_owner_.end() && --owner->second == 0) per_owner_.erase(owner);
  sessions_.erase(found);
}

SessionPtr SessionTable::find(const std::string& id) const {
  const std::lock_guard guard(mutex_);
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second;
}

SessionPtr SessionTable::find_same(const SessionId& wanted) const {
  auto session = find(wanted.id);
  return session && (!wanted.created || session->identity.created == *wanted.created) ? session : nullptr;
}

SessionPtr SessionTable::require(const SessionId& wanted) const {
  if (auto session = find_same(wanted)) return session;
  const bool another = find(wanted.id) != nullptr;
  throw Error(ErrorCode::no_such_session,
              concat("no session ", base::printable(wanted.id), another ? " any more; another has that name now" : ""),
              "`unionroot list --sessions` lists the sessions");
}

bool SessionTable::has(const Session& session) const { return find(session.id()).get() == &session; }

std::vector<SessionPtr> SessionTable::all() const {
  const std::lock_guard guard(mutex_);
  std::vector<SessionPtr> list;
  list.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) list.push_back(session);
  return list;
}

void SessionTable::add_run(const SessionPtr& session, Run run) {
  const auto id = run.record.id;
  session->runs.lock()->emplace(id, std::move(run));
  const std::lock_guard guard(mutex_);
  by_run_.emplace(id, session);
}

SessionPtr SessionTable::session_of_run(const std::string& run) const {
  const std::lock_guard guard(mutex_);
  const auto found = by_run_.find(run);
  return found == by_run_.end() ? nullptr : found->second;
}

std::optional<Run> SessionTable::take_run(Session& session, const std::string& run) {
  {
    const std::lock_guard guard(mutex_);
    by_run_.erase(run);
  }
  auto node = session.runs.lock()->extract(run);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

Runs SessionTable::take_runs(Session& session) {
  auto taken = std::exchange(*session.runs.lock(), {});
  const std::lock_guard guard(mutex_);
  for (const auto& [id, run] : taken) by_run_.erase(id);
  return taken;
}

}  // namespace unionroot::session
