// The locks that a session holds on the trees that it stands on: taken when it begins, held again by a daemon that
// takes it up, let go when it ends.
#include <algorithm>
#include <chrono>
#include <exception>
#include <set>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/rollback.h"
#include "base/text.h"
#include "session/manager_state.h"
#include "session/sources/source.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using store::SessionKind;

namespace {

constexpr std::chrono::seconds lock_limit{5};

locks::LockHolder holder_of(const store::SessionRecord& record) {
  if (record.source) return locks::LockHolder::source_session;
  return record.kind == SessionKind::automatic ? locks::LockHolder::automatic_session : locks::LockHolder::session;
}

// A former version reads the holder from its start.
std::string purpose_of(const store::SessionRecord& record) {
  if (record.source) return "source session";
  return record.kind == SessionKind::automatic ? "automatic session" : "session";
}

locks::LockOwner owner_of(const LiveSession& session) {
  locks::LockOwner owner;  // of this process, as long as it names no other
  owner.uid = session.record.owner;
  owner.user = session.record.owner_name;
  owner.session = session.record.id;
  owner.chroot = session.record.chroot;
  owner.holder = holder_of(session.record);
  owner.purpose = purpose_of(session.record);
  owner.since = session.record.created;
  return owner;
}

// The trees to be locked, whose keys the session keeps: a tree may be away when something is to be noted of it.
std::vector<SourceTree> trees_to_lock(LiveSession& session) {
  auto trees = locked_trees(*session.definition);
  std::vector<std::string> keys;
  for (const auto& tree : trees) keys.push_back(tree.key);
  const std::lock_guard guard(session.trees_mutex);
  session.trees = std::move(keys);
  return trees;
}

}  // namespace

void Manager::Impl::take_locks(LiveSession& session, locks::Wait wait, const Caller& caller) {
  auto owner = owner_of(session);
  if (!caller.command.empty()) owner.purpose = concat(owner.purpose, ", begun by: ", caller.command);
  for (const auto& tree : trees_to_lock(session)) {
    owner.tree = tree.path;
    wait.waits = [&] { session.context.progress({concat("waiting until ", tree.path, " is free"), 0, 0}); };
    const bool exclusive = session.record.source || tree.exclusive;
    owner.preserved = session.record.kind == SessionKind::preserved && !exclusive;
    session.locks.push_back(exclusive ? lock_directory.lock_source(tree.key, owner, wait)
                                      : lock_directory.lock_session(tree.key, owner, wait));
  }
}

void Manager::Impl::hold_locks_again(LiveSession& session) {
  auto owner = owner_of(session);
  base::Rollback rollback;
  rollback.add([&] {  // all or none; what was taken stays as it was
    for (auto& lock : session.locks) lock.abandon();
    session.locks.clear();
  });
  for (const auto& tree : trees_to_lock(session)) {
    owner.tree = tree.path;
    const bool exclusive = session.record.source || tree.exclusive;
    owner.preserved = session.record.kind == SessionKind::preserved && !exclusive;
    bool created = false;
    session.locks.push_back(exclusive ? lock_directory.reown_source(tree.key, owner, created)
                                      : lock_directory.reown_session(tree.key, owner, created));
    if (created)
      base::log::warning(
          concat("session ", owner.session, ": its lock on ", tree.path, " was missing and is made again"));
  }
  rollback.commit();
}

std::set<std::string> Manager::Impl::keys_of(const LiveSession& session,
                                             const std::function<bool(const locks::LockInfo&)>& wanted) const {
  std::set<std::string> keys;
  for (const auto& lock : lock_directory.list())
    if (lock.owner.session == session.record.id && wanted(lock)) keys.insert(lock.key);
  return keys;
}

bool Manager::Impl::had_its_locks(const LiveSession& session) const {
  const bool begun = table.state(session) != store::SessionState::beginning;
  // Who waits for a source lock has its file too.
  const auto keys = keys_of(session, [&](const auto& lock) { return begun || lock.kind == locks::LockKind::session; });
  const auto trees = locked_trees(*session.definition);
  return std::all_of(trees.begin(), trees.end(), [&](const auto& tree) { return keys.contains(tree.key); });
}

bool Manager::Impl::stands_without_owner(const LiveSession& session, const std::exception& why) const {
  const auto* error = dynamic_cast<const Error*>(&why);
  if (error == nullptr || error->code() != ErrorCode::no_space || session.record.source) return false;
  const auto keys =
      keys_of(session, [](const auto& lock) { return lock.kind == locks::LockKind::session && lock.owner.preserved; });
  const auto trees = locked_trees(*session.definition);
  return std::all_of(trees.begin(), trees.end(),
                     [&](const auto& tree) { return !tree.exclusive && keys.contains(tree.key); });
}

void Manager::Impl::release_locks(LiveSession& session) {
  for (auto& lock : session.locks) lock.release();
  session.locks.clear();
  if (session.taken_up) remove_locks_left(session.record.id);
}

void Manager::Impl::remove_locks_left(const std::string& id) {
  const auto end = std::chrono::steady_clock::now() + lock_limit;
  while (true) {
    std::exception_ptr held;
    bool cleaned = false;
    for (const auto& lock : lock_directory.list()) {
      if (lock.owner.session != id) continue;
      try {
        if (lock.kind == locks::LockKind::session)
          lock_directory.remove_session(lock.key, id);
        else if (!std::exchange(cleaned, true))
          lock_directory.clean();
      } catch (const locks::LockedError&) {
        held = std::current_exception();
      }
      if (lock.kind == locks::LockKind::source && lock.state != locks::LockState::stale)
        held = std::make_exception_ptr(
            Error(ErrorCode::timed_out, concat("the source lock ", lock.file, " is still held")));
    }
    if (!held) return;
    if (std::chrono::steady_clock::now() > end) std::rethrow_exception(held);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace unionroot::session
