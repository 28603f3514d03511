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

// What a source change has to wait for: every session, every change that is under way, and every change that came
// before it. lock_source gives each a later `since` than all that are there, under the manage lock.
Entries in_the_way(const Entries& entries, const std::string& file, std::int64_t since) {
  Entries chosen;
  std::copy_if(entries.begin(), entries.end(), std::back_inserter(chosen), [&](const Entry& entry) {
    if (entry.file == file) return false;
    if (entry.name.kind == LockKind::session || entry.info.state == LockState::held) return true;
    return std::tie(entry.info.owner.since, entry.file) < std::tie(since, file);
  });
  return chosen;
}

bool nothing_to_do(const Entries& blockers) {
  return !blockers.empty() && std::none_of(blockers.begin(), blockers.end(),
                                           [](const Entry& entry) { return entry.info.state == LockState::stale; });
}

std::chrono::milliseconds elapsed(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
}

constexpr std::string_view beginning = "beginning a session on";
constexpr std::string_view changing = "changing";

}  // namespace

LockDirectory::LockDirectory(std::string directory)
    : directory_(std::make_shared<const Directory>(std::move(directory))) {}

namespace {

// Under the manage lock. Throws if the session has a lock file that stands.
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

}  // namespace

HeldLock LockDirectory::lock_session(const std::string& key, const LockOwner& asked, const Wait& wait) {
  const auto name = detail::session_name(key, asked.session);
  const auto owner = detail::completed(asked);
  const auto begin = std::chrono::steady_clock::now();
  std::optional<detail::Waiter> waiter;
  while (true) {
    Entries sources;
    base::UniqueFd made;
    {
      ManageLock manage(*directory_, key, wait.cancelled);
      sources = detail::standing_sources(*directory_, key, manage);
      if (sources.empty()) made = create_session(*directory_, name, owner);
    }
    if (made) {
      HeldLock held(std::make_unique<HeldLock::Impl>(directory_, name, std::move(made), false));
      // Outside the manage lock: a disk takes its time. Until it is done, a failure takes the file away again.
      if (owner.preserved) detail::make_durable(*directory_, held.descriptor());
      held.impl_->preserved = owner.preserved;
      return held;
    }
    if (detail::must_not_wait(wait)) throw detail::refusal(beginning, owner, sources, {});
    if (!waiter) waiter.emplace(*directory_, wait);
    do {
      if (!waiter->pause()) throw detail::refusal(beginning, owner, sources, elapsed(begin));
      sources = detail::of_kind(detail::probe_all(*directory_, key), LockKind::source);
    } while (nothing_to_do(sources));
  }
}

HeldLock LockDirectory::lock_source(const std::string& key, const LockOwner& asked, const Wait& wait) {
  detail::require_valid_key(key);
  auto owner = detail::completed(asked);
  owner.preserved = false;  // a change that was cut short is over
  const auto name = source_name(key, owner);
  const auto file = detail::file_name(name);
  const auto begin = std::chrono::steady_clock::now();

  Entries blockers;
  base::UniqueFd made;
  {
    ManageLock manage(*directory_, key, wait.cancelled);
    blockers = detail::sweep(*directory_, key);
    if (!blockers.empty() && detail::must_not_wait(wait)) throw detail::refusal(changing, owner, blockers, {});
    owner.since = base::now_microseconds();
    for (const auto& entry : detail::of_kind(blockers, LockKind::source))  // clocks may be set back
      owner.since = std::max(owner.since, entry.info.owner.since + 1);
    manage.expect_source();
    auto created = detail::create_locked(*directory_, name, owner, !blockers.empty());
    if (!created) throw detail::refusal(changing, owner, blockers, {});  // the same session's, for it has the same name
    made = std::move(*created);
  }
  HeldLock held(std::make_unique<HeldLock::Impl>(directory_, name, std::move(made), false));
  if (blockers.empty()) return held;

  detail::Waiter waiter(*directory_, wait);
  while (true) {
    // A look without the manage lock is enough while everyone in the way stands.
    blockers = in_the_way(detail::probe_all(*directory_, key), file, owner.since);
    if (!nothing_to_do(blockers)) {
      const ManageLock manage(*directory_, key, wait.cancelled);
      blockers = in_the_way(detail::sweep(*directory_, key), file, owner.since);
      if (blockers.empty()) {
        detail::end_waiting(held.descriptor());
        return held;
      }
    }
    if (!waiter.pause()) {
      held.release();
      throw detail::refusal(changing, owner, blockers, elapsed(begin));
    }
  }
}

}  // namespace unionroot::locks
