#include "locks/source_lock.h"

#include <algorithm>
#include <tuple>

#include "base/clock.h"
#include "base/ids.h"
#include "base/names.h"
#include "base/text.h"
#include "locks/held_lock.h"
#include "locks/messages.h"
#include "locks/steps.h"
#include "locks/waiter.h"

namespace unionroot::locks {

using detail::Directory;
using detail::Entries;
using detail::Entry;
using detail::FileName;
using detail::ManageLock;

namespace {

// The owners that a source change must wait for: every session, every change in progress, and every earlier change.
// create_source gives each change a later `since` than all existing ones, under the manage lock.
Entries in_the_way(const Entries& entries, const std::string& file, std::int64_t since) {
  Entries chosen;
  std::copy_if(entries.begin(), entries.end(), std::back_inserter(chosen), [&](const Entry& entry) {
    if (entry.file == file) return false;
    if (entry.name.kind == LockKind::session || entry.info.state == LockState::held) return true;
    return std::tie(entry.info.owner.since, entry.file) < std::tie(since, file);
  });
  return chosen;
}

// A session that changes the tree that it stands on is not in its own way; commands that outlived its daemon are.
Entries without_own(Entries entries, const LockOwner& owner) {
  const auto is_own = [&](const Entry& entry) {
    return entry.name.kind == LockKind::session && entry.name.token.empty() && entry.name.holder == owner.session;
  };
  entries.erase(std::remove_if(entries.begin(), entries.end(), is_own), entries.end());
  return entries;
}

bool nothing_to_do(const Entries& blockers) {
  return !blockers.empty() && std::none_of(blockers.begin(), blockers.end(),
                                           [](const Entry& entry) { return entry.info.state == LockState::stale; });
}

// The caller holds the manage lock. Throws if the session already has a lock file that is not stale.
base::UniqueFd create_session(const Directory& directory, const FileName& name, const LockOwner& owner) {
  while (true) {
    if (auto made = detail::create_locked(directory, name, owner, false)) return std::move(*made);
    const auto there = detail::probe(directory, name);
    if (there && !detail::remove_if_stale(directory, *there))
      throw detail::refusal(base::concat("locking for session '", name.holder, "'"), owner, {*there}, {});
  }
}

FileName source_name(const std::string& key, const LockOwner& owner) {
  if (owner.session.empty())
    return {key, LockKind::source, base::concat("pid-", owner.process.pid, '-', base::random_token()), {}};
  base::require_valid_name("session name", owner.session);
  return {key, LockKind::source, owner.session, {}};
}

std::string_view doing(LockKind kind) { return kind == LockKind::session ? "beginning a session on" : "changing"; }

// Creates the lock file of the change. If others block the change and it may not wait, returns an empty descriptor and
// sets `blockers`.
base::UniqueFd create_source(const Directory& directory, const FileName& name, LockOwner& owner, bool may_wait,
                             const std::function<bool()>& cancelled, Entries& blockers) {
  ManageLock manage(directory, name.key, cancelled);
  blockers = without_own(detail::sweep(directory, name.key), owner);
  if (!blockers.empty() && !may_wait) return {};
  owner.since = base::now_microseconds();
  for (const auto& entry : detail::of_kind(blockers, LockKind::source))  // the clock may have been set back
    owner.since = std::max(owner.since, entry.info.owner.since + 1);
  manage.expect_source();
  auto created = detail::create_locked(directory, name, owner, !blockers.empty());
  // The name is taken only if the same session has a source lock already.
  if (!created) throw detail::refusal(doing(LockKind::source), owner, blockers, {});
  return std::move(*created);
}

}  // namespace

struct PendingLock::Impl {
  std::shared_ptr<const Directory> directory;
  FileName name;
  LockOwner owner;
  Entries blockers;                      // as last examined
  std::optional<HeldLock> waiting = {};  // a change only: its lock file, while it holds back later sessions

  [[nodiscard]] const std::string& key() const { return name.key; }
  [[nodiscard]] Entries in_the_way_of(const Entries& entries) const {
    if (name.kind == LockKind::session) return detail::of_kind(entries, LockKind::source);
    const auto others = without_own(entries, owner);
    return waiting ? in_the_way(others, detail::file_name(name), owner.since) : others;
  }
  // The sessions that a blocking change waits for.
  [[nodiscard]] Entries standing(const Entries& entries) const {
    return name.kind == LockKind::session ? detail::of_kind(entries, LockKind::session) : Entries();
  }
  std::optional<HeldLock> take_session(const std::function<bool()>& cancelled);
  std::optional<HeldLock> take_source(const std::function<bool()>& cancelled);
};

std::optional<HeldLock> PendingLock::Impl::take_session(const std::function<bool()>& cancelled) {
  base::UniqueFd made;
  {
    ManageLock manage(*directory, key(), cancelled);
    blockers = detail::standing_sources(*directory, key(), manage);
    if (!blockers.empty()) return std::nullopt;
    made = create_session(*directory, name, owner);
  }
  HeldLock held(std::make_unique<HeldLock::Impl>(directory, name, std::move(made), false));
  // Syncs after the manage lock was released, because a disk is slow. If it fails, the destructor removes the file.
  if (owner.preserved) detail::make_durable(*directory, held.descriptor());
  held.impl_->preserved = owner.preserved;
  return held;
}

std::optional<HeldLock> PendingLock::Impl::take_source(const std::function<bool()>& cancelled) {
  if (!waiting) {
    auto made = create_source(*directory, name, owner, false, cancelled, blockers);
    if (!made) return std::nullopt;
    return HeldLock(std::make_unique<HeldLock::Impl>(directory, name, std::move(made), false));
  }
  const ManageLock manage(*directory, key(), cancelled);
  blockers = in_the_way_of(detail::sweep(*directory, key()));
  if (!blockers.empty()) return std::nullopt;
  detail::end_waiting(waiting->descriptor());
  return std::move(waiting);
}

PendingLock::PendingLock(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PendingLock::PendingLock(PendingLock&&) noexcept = default;
PendingLock& PendingLock::operator=(PendingLock&&) noexcept = default;
PendingLock::~PendingLock() = default;

bool PendingLock::worth_trying() const {
  return !nothing_to_do(impl_->in_the_way_of(detail::probe_all(*impl_->directory, impl_->key())));
}

std::optional<HeldLock> PendingLock::try_take(const std::function<bool()>& cancelled) {
  return impl_->name.kind == LockKind::session ? impl_->take_session(cancelled) : impl_->take_source(cancelled);
}

void PendingLock::hold_nobody_back() {
  if (!impl_->waiting) return;
  impl_->waiting->release();
  impl_->waiting.reset();
}

std::string PendingLock::obstacle() const {
  constexpr auto everybody = static_cast<uid_t>(-1);
  const auto there = detail::probe_all(*impl_->directory, impl_->key());
  return detail::in_the_way(impl_->in_the_way_of(there), impl_->standing(there), everybody);
}

LockedError PendingLock::give_up(std::chrono::milliseconds waited) {
  if (impl_->waiting) impl_->waiting->release();
  const auto there = detail::probe_all(*impl_->directory, impl_->key());
  auto now = impl_->in_the_way_of(there);
  if (!now.empty()) impl_->blockers = std::move(now);
  return detail::refusal(doing(impl_->name.kind), impl_->owner, impl_->blockers, waited, impl_->standing(there));
}

LockDirectory::LockDirectory(std::string directory)
    : directory_(std::make_shared<const Directory>(std::move(directory))) {}

PendingLock LockDirectory::session_request(const std::string& key, const LockOwner& asked) const {
  return PendingLock(std::make_unique<PendingLock::Impl>(
      PendingLock::Impl{directory_, detail::session_name(key, asked.session), detail::completed(asked), {}}));
}

// Creates the lock file of the change, which holds back later sessions. If the change is blocked, `refuse` throws
// LockedError and `wait_behind_all` waits without a lock file.
LockDirectory::Request LockDirectory::source_request(const std::string& key, const LockOwner& asked,
                                                     IfNotFree if_not_free,
                                                     const std::function<bool()>& cancelled) const {
  detail::require_valid_key(key);
  auto owner = detail::completed(asked);
  owner.preserved = false;  // an interrupted change is over, so its lock is never preserved
  const auto name = source_name(key, owner);
  Entries blockers;
  auto made = create_source(*directory_, name, owner, if_not_free == IfNotFree::wait, cancelled, blockers);
  if (!made && if_not_free == IfNotFree::wait_behind_all)
    return PendingLock(std::make_unique<PendingLock::Impl>(
        PendingLock::Impl{directory_, name, std::move(owner), std::move(blockers)}));
  if (!made) throw detail::refusal(doing(LockKind::source), owner, blockers, {});
  HeldLock held(std::make_unique<HeldLock::Impl>(directory_, name, std::move(made), false));
  if (blockers.empty()) return held;
  return PendingLock(std::make_unique<PendingLock::Impl>(
      PendingLock::Impl{directory_, name, std::move(owner), std::move(blockers), std::move(held)}));
}

LockDirectory::Request LockDirectory::request_session(const std::string& key, const LockOwner& owner,
                                                      const std::function<bool()>& cancelled) {
  auto request = session_request(key, owner);
  if (auto held = request.try_take(cancelled)) return std::move(*held);
  return request;
}

LockDirectory::Request LockDirectory::request_source(const std::string& key, const LockOwner& owner,
                                                     const std::function<bool()>& cancelled, bool holds_back) {
  return source_request(key, owner, holds_back ? IfNotFree::wait : IfNotFree::wait_behind_all, cancelled);
}

HeldLock LockDirectory::wait_for(PendingLock request, const Wait& wait) const {
  const auto begin = std::chrono::steady_clock::now();
  detail::Waiter waiter(*directory_, wait);
  while (true) {
    if (request.worth_trying())
      if (auto held = request.try_take(wait.cancelled)) return std::move(*held);
    if (wait.hold_back && std::chrono::steady_clock::now() - begin >= *wait.hold_back) request.hold_nobody_back();
    if (!waiter.pause())
      throw request.give_up(
          std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin));
  }
}

HeldLock LockDirectory::lock_session(const std::string& key, const LockOwner& owner, const Wait& wait) {
  auto request = session_request(key, owner);
  if (auto held = request.try_take(wait.cancelled)) return std::move(*held);
  if (detail::must_not_wait(wait)) throw request.give_up({});
  return wait_for(std::move(request), wait);
}

HeldLock LockDirectory::lock_source(const std::string& key, const LockOwner& owner, const Wait& wait) {
  const bool yields = wait.hold_back && wait.hold_back->count() == 0;
  const auto if_not_free = detail::must_not_wait(wait) ? IfNotFree::refuse
                           : yields                    ? IfNotFree::wait_behind_all
                                                       : IfNotFree::wait;
  auto request = source_request(key, owner, if_not_free, wait.cancelled);
  if (auto* held = std::get_if<HeldLock>(&request)) return std::move(*held);
  return wait_for(std::move(std::get<PendingLock>(request)), wait);
}

base::UniqueFd LockDirectory::watch() const { return detail::watch(*directory_); }

}  // namespace unionroot::locks
