#include "session/operations/locks.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/log.h"
#include "base/rollback.h"
#include "base/text.h"
#include "locks/unfinished.h"
#include "session/sources/source.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using store::SessionKind;

namespace {

constexpr std::chrono::seconds lock_limit{5};

locks::LockHolder holder_of(const store::SessionIdentity& session) {
  if (session.source) return locks::LockHolder::source_session;
  return session.kind == SessionKind::automatic ? locks::LockHolder::automatic_session : locks::LockHolder::session;
}

// The text of the holder in a form that a former version reads.
std::string purpose_of(const store::SessionIdentity& session) {
  if (session.source) return "source session";
  return session.kind == SessionKind::automatic ? "automatic session" : "session";
}

locks::LockOwner owner_of(const store::SessionIdentity& session) {
  locks::LockOwner owner;  // names this process, unless changed
  owner.uid = session.owner;
  owner.user = session.owner_name;
  owner.session = session.id;
  owner.chroot = session.chroot;
  owner.holder = holder_of(session);
  owner.purpose = purpose_of(session);
  owner.since = session.created;
  return owner;
}

// The trees to lock. The session stores their keys, because a tree may be missing later when something is noted about
// it.
std::vector<SourceTree> trees_to_lock(const Operation& operation) {
  auto trees = locked_trees(operation.definition());
  std::vector<std::string> keys;
  for (const auto& tree : trees) keys.push_back(tree.key);
  *operation.session().trees.lock() = std::move(keys);
  return trees;
}

bool is_locked_alone(const Operation& operation, const SourceTree& tree) {
  return operation.is_source() || tree.exclusive;
}

// The keys of the session's lock files that `wanted` accepts.
std::set<std::string> keys_of(const Parts& parts, const std::string& session,
                              const std::function<bool(const locks::LockInfo&)>& wanted) {
  std::set<std::string> keys;
  for (const auto& lock : parts.lock_directory.list())
    if (lock.owner.session == session && wanted(lock)) keys.insert(lock.key);
  return keys;
}

std::optional<std::chrono::milliseconds> time_to_wait(const definition::Settings& settings,
                                                      const BeginRequest& request) {
  if (request.wait || !request.front_end || settings.schroot_wait_limit == 0) return request.wait;
  return std::chrono::seconds(settings.schroot_wait_limit);
}

}  // namespace

TreeLocks::TreeLocks(Parts& parts, Operation& operation, const BeginRequest& request)
    : parts_(parts),
      operation_(operation),
      yields_(request.front_end || request.yields),
      wait_(time_to_wait(parts.settings, request)),
      owner_(owner_of(operation.identity())),
      trees_(trees_to_lock(operation)) {
  constexpr std::chrono::milliseconds longest{std::chrono::hours(24 * 365)};  // prevents an overflow of the sum
  if (wait_ && wait_->count() > 0) until_ = began_ + std::min(*wait_, longest);
}

std::optional<locks::HeldLock> TreeLocks::take_one(const SourceTree& tree) {
  auto& directory = parts_.lock_directory;
  const auto& cancelled = operation_->cancelled;
  if (pending_) {
    if (operation_.cancelled()) throw_wait_cancelled();
    auto held = pending_->try_take(cancelled);
    if (!held && is_over()) throw give_up();
    return held;
  }
  const bool alone = is_locked_alone(operation_, tree);
  owner_.tree = tree.path;
  owner_.preserved = !operation_.automatic() && !alone;
  if (!wait_ || wait_->count() == 0) {
    const locks::Wait none{std::chrono::milliseconds(0), cancelled};
    return alone ? directory.lock_source(tree.key, owner_, none) : directory.lock_session(tree.key, owner_, none);
  }
  auto request = alone ? directory.request_source(tree.key, owner_, cancelled, !yields_)
                       : directory.request_session(tree.key, owner_, cancelled);
  if (auto* held = std::get_if<locks::HeldLock>(&request)) return std::move(*held);
  pending_.emplace(std::get<locks::PendingLock>(std::move(request)));
  const auto obstacle = pending_->obstacle();
  operation_.report({concat("waiting until ", tree.path, " is free", obstacle.empty() ? "" : ": ", obstacle), 0, 0});
  return std::nullopt;
}

bool TreeLocks::worth_trying() {
  if (!pending_) return true;
  const std::chrono::seconds limit(parts_.settings.hold_back_time_limit);
  if (limit.count() != 0 && Clock::now() - began_ >= limit) pending_->hold_nobody_back();
  return pending_->worth_trying();
}

locks::LockedError TreeLocks::give_up() {
  return pending_->give_up(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began_));
}

void throw_wait_cancelled() { throw Error(ErrorCode::cancelled, "waiting for the source tree: cancelled"); }

bool TreeLocks::take() {
  for (; next_ < trees_.size(); ++next_) {
    auto held = take_one(trees_[next_]);
    if (!held) return false;
    operation_->locks.push_back(std::move(*held));
    pending_.reset();
    locks::require_finished(parts_.settings.state_directory, trees_[next_].key);
  }
  return true;
}

void hold_locks_again(Parts& parts, Operation& operation) {
  auto owner = owner_of(operation.identity());
  base::Rollback rollback;
  rollback.add([&] { abandon_locks(operation); });  // all or none; the lock files stay as they were
  for (const auto& tree : trees_to_lock(operation)) {
    owner.tree = tree.path;
    const bool alone = is_locked_alone(operation, tree);
    owner.preserved = !operation.automatic() && !alone;
    bool created = false;
    operation->locks.push_back(alone ? parts.lock_directory.reown_source(tree.key, owner, created)
                                     : parts.lock_directory.reown_session(tree.key, owner, created));
    if (created)
      base::log::warning(
          concat("session ", owner.session, ": its lock on ", tree.path, " was missing and is made again"));
  }
  rollback.commit();
}

void abandon_locks(Operation& operation) {
  for (auto& lock : operation->locks) lock.abandon();
  operation->locks.clear();
}

bool had_its_locks(const Parts& parts, const Operation& operation) {
  const bool begun = operation.session().state() != store::SessionState::beginning;
  // A session that waits for a source lock already has the file of that lock.
  const auto keys =
      keys_of(parts, operation.id(), [&](const auto& lock) { return begun || lock.kind == locks::LockKind::session; });
  const auto trees = locked_trees(operation.definition());
  return std::all_of(trees.begin(), trees.end(), [&](const auto& tree) { return keys.contains(tree.key); });
}

bool stands_without_owner(const Parts& parts, const Operation& operation, const std::exception& why) {
  const auto* error = dynamic_cast<const Error*>(&why);
  if (error == nullptr || error->code() != ErrorCode::no_space || operation.is_source()) return false;
  const auto keys = keys_of(parts, operation.id(), [](const auto& lock) {
    return lock.kind == locks::LockKind::session && lock.owner.preserved;
  });
  const auto trees = locked_trees(operation.definition());
  return std::all_of(trees.begin(), trees.end(),
                     [&](const auto& tree) { return !tree.exclusive && keys.contains(tree.key); });
}

void release_locks(Parts& parts, Operation& operation) {
  for (auto& lock : operation->locks) lock.release();
  operation->locks.clear();
  if (operation.session().taken_up) remove_leftover_locks(parts, operation.id());
}

void remove_leftover_locks(Parts& parts, const std::string& session) {
  const auto end = std::chrono::steady_clock::now() + lock_limit;
  while (true) {
    std::optional<Error> held;
    bool cleaned = false;
    for (const auto& lock : parts.lock_directory.list()) {
      if (lock.owner.session != session) continue;
      try {
        if (lock.kind == locks::LockKind::session)
          parts.lock_directory.remove_session(lock.key, session);
        else if (!std::exchange(cleaned, true))
          parts.lock_directory.clean();
      } catch (const locks::LockedError& error) {
        held = Error(ErrorCode::timed_out, error.what(), error.hint());
      }
      if (lock.kind == locks::LockKind::source && lock.state != locks::LockState::stale)
        held = Error(ErrorCode::timed_out, concat("the source lock ", lock.file, " is still held"));
    }
    if (!held) return;
    if (std::chrono::steady_clock::now() > end) throw *held;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace unionroot::session
