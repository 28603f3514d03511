// Takes over and removes locks that a dead process left.
#include <unistd.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/fault_point.h"
#include "base/ids.h"
#include "base/rollback.h"
#include "base/text.h"
#include "locks/held_lock.h"
#include "locks/messages.h"
#include "locks/steps.h"

namespace unionroot::locks {

using detail::Directory;
using detail::Entries;
using detail::Entry;
using detail::FileName;
using detail::ManageLock;

namespace {

// The lock file was missing, so the tree was not protected. A holder that locked it in the meantime keeps it. A holder
// that only waits does not block the recovery.
void refuse_if_taken(const Directory& directory, const FileName& name, const LockOwner& owner, ManageLock& manage) {
  Entries others;
  if (name.kind == LockKind::session) {
    others = detail::standing_sources(directory, name.key, manage);
  } else {
    others = detail::sweep(directory, name.key);
    std::erase_if(others,
                  [&](const Entry& entry) { return entry.name.kind == name.kind && entry.name.holder == name.holder; });
  }
  std::erase_if(others, [](const Entry& entry) { return entry.info.state == LockState::waiting; });
  if (others.empty()) return;
  throw detail::refusal(name.kind == LockKind::session ? "beginning a session on" : "changing", owner, others, {});
}

}  // namespace

HeldLock LockDirectory::reown_session(const std::string& key, const LockOwner& asked, bool& created) {
  return reown(LockKind::session, key, asked, created);
}

HeldLock LockDirectory::reown_source(const std::string& key, const LockOwner& asked, bool& created) {
  auto owner = asked;
  owner.preserved = false;  // an interrupted change is over, so its lock is never preserved
  return reown(LockKind::source, key, owner, created);
}

namespace {

// True if the owners differ at most in the process, holder and purpose.
bool is_same_but_for_process(const LockOwner& one, const LockOwner& other) {
  return std::tie(one.uid, one.user, one.session, one.chroot, one.tree, one.preserved, one.since) ==
         std::tie(other.uid, other.user, other.session, other.chroot, other.tree, other.preserved, other.since);
}

}  // namespace

HeldLock LockDirectory::reown(LockKind kind, const std::string& key, const LockOwner& asked, bool& created) {
  auto name = detail::session_name(key, asked.session);
  name.kind = kind;
  auto owner = detail::completed(asked);
  auto replacement = name;
  replacement.token = base::random_token();
  base::UniqueFd made;
  {
    ManageLock manage(*directory_, key);
    const auto there = detail::probe(*directory_, name);
    created = !there || there->broken;
    // Keeps the purpose of the first owner, which tells who began the session: "session, begun by: sbuild hello".
    if (!created && there->info.owner.purpose.starts_with(owner.purpose)) owner.purpose = there->info.owner.purpose;
    if (there && there->locked && (there->broken || base::is_alive(there->info.owner.process)))
      throw detail::refusal(base::concat("taking over session '", name.holder, "' on"), owner, {*there}, {});
    if (created) {
      if (there) detail::set_aside(*directory_, there->file);
      refuse_if_taken(*directory_, name, owner, manage);
    }
    if (there && there->info.state == LockState::preserved && is_same_but_for_process(there->info.owner, owner))
      if (auto again = detail::lock_again(*directory_, *there, owner.process))
        return HeldLock(std::make_unique<HeldLock::Impl>(directory_, name, std::move(*again), owner.preserved));
    if (kind == LockKind::source) manage.expect_source();
    if (there && there->locked) {
      // Running commands of the session hold the lock of the old file. It stays, under a second name.
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
    // Errors are ignored: the first failure is being reported.
    rollback.add([&] { ::unlinkat(directory_->descriptor(), detail::file_name(replacement).c_str(), 0); });
    if (owner.preserved && !created) detail::write_ahead(made.get());
    base::fault_point("lock_rename");
    // The rename replaces the old file atomically: the lock file is never missing.
    base::check(::renameat(directory_->descriptor(), detail::file_name(replacement).c_str(), directory_->descriptor(),
                           detail::file_name(name).c_str()),
                "taking over the lock of session", name.holder);
    rollback.commit();
  }
  HeldLock held(std::make_unique<HeldLock::Impl>(directory_, name, std::move(made), owner.preserved));
  base::fault_point("lock_renamed");
  // A replaced file needs no sync: its name is on the disk, and a power cut leaves the old file or the new one (XFS:
  // see write_ahead).
  if (owner.preserved && created) detail::make_durable(*directory_, held.descriptor());
  return held;
}

void LockDirectory::remove_session(const std::string& key, const std::string& session) {
  const auto name = detail::session_name(key, session);
  const ManageLock manage(*directory_, key);
  auto entries = detail::of_kind(detail::probe_all(*directory_, key), LockKind::session);
  std::erase_if(entries, [&](const Entry& entry) { return entry.name.holder != session; });
  Entries living;
  std::copy_if(entries.begin(), entries.end(), std::back_inserter(living),
               [](const Entry& entry) { return entry.locked; });
  // Removes all files or none. While commands run, the session's own file stays too.
  if (!living.empty())
    throw detail::refusal(base::concat("removing the lock of session '", session, "' on"), {}, living, {});
  for (const auto& entry : entries) {
    if (entry.broken)
      detail::set_aside(*directory_, entry.file);
    else
      detail::remove_file(*directory_, entry.file);
  }
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

// Reads the directory without a lock. Each file is examined again under the manage lock.
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
  // Temporary files exist only while the manage lock is held. So any that exist now were left by a crash.
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
      if (!first) first = std::current_exception();  // go on with the other trees
    }
  }
  if (first) std::rethrow_exception(first);
  return removed;
}

}  // namespace unionroot::locks
