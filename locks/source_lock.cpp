#include "locks/source_lock.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

#include "base/fault_point.h"
#include "base/ids.h"
#include "base/names.h"
#include "base/rollback.h"
#include "base/text.h"
#include "locks/directory.h"
#include "locks/manage.h"
#include "locks/messages.h"
#include "locks/waiter.h"

namespace unionroot::locks {

using detail::Directory;
using detail::Entry;
using detail::FileName;
using detail::ManageLock;

namespace {

using Entries = std::vector<Entry>;

std::int64_t now_microseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// This process, read from /proc once, and again in a child that was forked.
base::ProcessIdentity own_identity() {
  static std::mutex mutex;
  static base::ProcessIdentity cached;
  const std::lock_guard guard(mutex);
  if (cached.pid != ::getpid()) cached = base::this_process();
  return cached;
}

LockOwner completed(LockOwner owner) {
  if (owner.process.pid == 0) owner.process = own_identity();
  if (owner.since == 0) owner.since = now_microseconds();
  return owner;
}

Entries of_kind(const Entries& entries, LockKind kind) {
  Entries chosen;
  std::copy_if(entries.begin(), entries.end(), std::back_inserter(chosen),
               [kind](const Entry& entry) { return entry.name.kind == kind; });
  return chosen;
}

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

// ---- HeldLock

struct HeldLock::Impl {
  std::shared_ptr<const Directory> directory;
  std::string key;
  std::string name;  // in the directory
  std::string full;
  base::UniqueFd descriptor;
  detail::Inode inode;
  bool preserved = false;
  pid_t taker = ::getpid();  // a forked child that ends by itself must not give up its parent's lock

  Impl(std::shared_ptr<const Directory> in, const FileName& file, base::UniqueFd lock, bool outlives)
      : directory(std::move(in)),
        key(file.key),
        name(detail::file_name(file)),
        full(directory->full(name)),
        descriptor(std::move(lock)),
        inode(detail::inode_of(descriptor.get())),
        preserved(outlives) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ~Impl() {
    if (!descriptor || preserved || taker != ::getpid()) return;
    try {
      release();
    } catch (const std::exception&) {
      // A destructor has nobody to tell. Taking one's own file away is safe without the manage lock as well, for
      // nobody else touches a locked file; left behind, it would count as held for as long as this process lives.
      if (::unlinkat(directory->descriptor(), name.c_str(), 0) < 0) return;
    }
  }

  void release() {
    if (!descriptor) return;
    {
      const ManageLock manage(*directory, key);
      if (detail::inode_of(*directory, name) == inode) detail::remove_file(*directory, name);
    }
    descriptor.reset();
  }
};

HeldLock::HeldLock(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HeldLock::HeldLock(HeldLock&&) noexcept = default;
HeldLock& HeldLock::operator=(HeldLock&&) noexcept = default;
HeldLock::~HeldLock() = default;

void HeldLock::release() {
  if (impl_) impl_->release();
}

void HeldLock::abandon() {
  if (impl_) impl_->descriptor.reset();
}

int HeldLock::descriptor() const { return impl_ ? impl_->descriptor.get() : -1; }

const std::string& HeldLock::file() const {
  static const std::string none;
  return impl_ ? impl_->full : none;
}

// ---- LockDirectory

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

FileName session_name(const std::string& key, const std::string& session) {
  detail::require_valid_key(key);
  base::require_valid_name("session name", session);
  return {key, LockKind::session, session, {}};
}

// Under the manage lock: the source locks that stand in a session's way. One look at the manage file as a rule.
Entries standing_sources(const Directory& directory, const std::string& key, ManageLock& manage) {
  if (manage.clear_of_sources()) return {};
  auto sources = of_kind(detail::sweep(directory, key), LockKind::source);
  if (sources.empty()) manage.set_clear();
  return sources;
}

}  // namespace

HeldLock LockDirectory::lock_session(const std::string& key, const LockOwner& asked, const Wait& wait) {
  const auto name = session_name(key, asked.session);
  const auto owner = completed(asked);
  const auto begin = std::chrono::steady_clock::now();
  std::optional<detail::Waiter> waiter;
  while (true) {
    Entries sources;
    base::UniqueFd made;
    {
      ManageLock manage(*directory_, key, wait.cancelled);
      sources = standing_sources(*directory_, key, manage);
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
      sources = of_kind(detail::probe_all(*directory_, key), LockKind::source);
    } while (nothing_to_do(sources));
  }
}

HeldLock LockDirectory::lock_source(const std::string& key, const LockOwner& asked, const Wait& wait) {
  detail::require_valid_key(key);
  auto owner = completed(asked);
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
    owner.since = now_microseconds();
    for (const auto& entry : of_kind(blockers, LockKind::source))  // clocks may be set back
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

HeldLock LockDirectory::reown_session(const std::string& key, const LockOwner& asked, bool& created) {
  const auto name = session_name(key, asked.session);
  const auto owner = completed(asked);
  auto replacement = name;
  replacement.token = base::random_token();
  base::UniqueFd made;
  {
    ManageLock manage(*directory_, key);
    const auto there = detail::probe(*directory_, name);
    created = !there || there->broken;
    if (there && there->locked && (there->broken || base::is_alive(there->info.owner.process)))
      throw detail::refusal(base::concat("taking over session '", name.holder, "' on"), owner, {*there}, {});
    if (created) {
      // The tree was not protected. Whoever changes it now was let in rightly; who only waits is held back.
      auto sources = standing_sources(*directory_, key, manage);
      std::erase_if(sources, [](const Entry& entry) { return entry.info.state == LockState::waiting; });
      if (!sources.empty()) throw detail::refusal(beginning, owner, sources, {});
      if (there) detail::set_aside(*directory_, there->file);
    }
    if (there && there->locked) {
      // Commands of the session hold the old file's lock, and go on doing so under a second name.
      auto second = name;
      second.token = base::random_token();
      base::fault_point("lock_link_second");
      base::check(::linkat(directory_->descriptor(), there->file.c_str(), directory_->descriptor(),
                           detail::file_name(second).c_str(), 0),
                  "keeping the lock of running commands of", name.holder);
      base::fault_point("lock_linked_second");
    }
    auto replaced = detail::create_locked(*directory_, replacement, owner, false);
    if (!replaced)
      throw base::Error(base::ErrorCode::failed,
                        base::concat("the lock file name ", detail::file_name(replacement), " is taken"), "try again");
    made = std::move(*replaced);
    base::Rollback rollback;
    // Quietly: what failed is being reported, and this may find that the name is gone already.
    rollback.add([&] { ::unlinkat(directory_->descriptor(), detail::file_name(replacement).c_str(), 0); });
    base::fault_point("lock_rename");
    // Over the old one, if there is one: at no instant is there no lock file.
    base::check(::renameat(directory_->descriptor(), detail::file_name(replacement).c_str(), directory_->descriptor(),
                           detail::file_name(name).c_str()),
                "taking over the lock of session", name.holder);
    rollback.commit();
  }
  HeldLock held(std::make_unique<HeldLock::Impl>(directory_, name, std::move(made), owner.preserved));
  base::fault_point("lock_renamed");
  if (owner.preserved) detail::make_durable(*directory_, held.descriptor());
  return held;
}

void LockDirectory::remove_session(const std::string& key, const std::string& session) {
  const auto name = session_name(key, session);
  const ManageLock manage(*directory_, key);
  Entries living;
  for (const auto& entry : detail::probe_all(*directory_, key)) {
    if (entry.name.kind != LockKind::session || entry.name.holder != session) continue;
    if (entry.locked)
      living.push_back(entry);
    else if (entry.broken)
      detail::set_aside(*directory_, entry.file);
    else
      detail::remove_file(*directory_, entry.file);
  }
  if (!living.empty())
    throw detail::refusal(base::concat("removing the lock of session '", session, "' on"), {}, living, {});
}

std::vector<LockInfo> LockDirectory::list() const {
  std::vector<LockInfo> infos;
  for (const auto& text : directory_->names())
    if (const auto name = detail::parse_file_name(text))
      if (auto entry = detail::probe(*directory_, *name)) infos.push_back(std::move(entry->info));
  std::sort(infos.begin(), infos.end(), [](const LockInfo& a, const LockInfo& b) {
    return std::tie(a.key, a.kind, a.owner.since, a.file) < std::tie(b.key, b.kind, b.owner.since, b.file);
  });
  return infos;
}

namespace {

struct TreeFiles {
  std::vector<FileName> locks;
  std::vector<std::string> temporaries;
};

// Under no lock; what it finds is looked at again under the manage lock.
std::map<std::string, TreeFiles> by_key(const Directory& directory) {
  std::map<std::string, TreeFiles> trees;
  for (const auto& text : directory.names()) {
    if (auto name = detail::parse_file_name(text))
      trees[name->key].locks.push_back(*name);
    else if (auto temporary = detail::key_of_temporary(text))
      trees[*temporary].temporaries.push_back(text);
    else if (auto manage = detail::key_of_manage(text))
      trees[*manage];
  }
  return trees;
}

void clean_tree(const Directory& directory, const std::string& key, const TreeFiles& files,
                std::vector<LockInfo>& removed) {
  ManageLock manage(directory, key);
  // Made under the manage lock and given their name or removed before it is let go: what is there now was left behind.
  for (const auto& temporary : files.temporaries) detail::remove_file(directory, temporary);
  bool in_use = false;
  for (const auto& name : files.locks) {
    const auto entry = detail::probe(directory, name);
    if (!entry) continue;
    if (detail::remove_if_stale(directory, *entry))
      removed.push_back(entry->info);
    else
      in_use = true;
  }
  if (!in_use && detail::probe_all(directory, key).empty()) manage.remove();
}

}  // namespace

std::vector<LockInfo> LockDirectory::clean() {
  std::vector<LockInfo> removed;
  std::exception_ptr first;
  for (const auto& [key, files] : by_key(*directory_)) {
    try {
      clean_tree(*directory_, key, files, removed);
    } catch (const base::Error&) {
      if (!first) first = std::current_exception();  // one tree's trouble does not keep the others from being cleaned
    }
  }
  if (first) std::rethrow_exception(first);
  return removed;
}

}  // namespace unionroot::locks
