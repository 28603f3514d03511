#include "locks/steps.h"

#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "base/clock.h"
#include "base/names.h"

namespace unionroot::locks::detail {

namespace {

// The identity of this process. It is read from /proc once, and again in a forked child.
base::ProcessIdentity own_identity() {
  static std::mutex mutex;
  static base::ProcessIdentity cached;
  const std::lock_guard guard(mutex);
  if (cached.pid != ::getpid()) cached = base::this_process();
  return cached;
}

}  // namespace

LockOwner completed(LockOwner owner) {
  if (owner.process.pid == 0) owner.process = own_identity();
  if (owner.since == 0) owner.since = base::now_microseconds();
  return owner;
}

Entries of_kind(const Entries& entries, LockKind kind) {
  Entries chosen;
  std::copy_if(entries.begin(), entries.end(), std::back_inserter(chosen),
               [kind](const Entry& entry) { return entry.name.kind == kind; });
  return chosen;
}

FileName session_name(const std::string& key, const std::string& session) {
  require_valid_key(key);
  base::require_valid_name("session name", session);
  return {key, LockKind::session, session, {}};
}

Entries standing_sources(const Directory& directory, const std::string& key, ManageLock& manage) {
  if (manage.clear_of_sources()) return {};
  auto sources = of_kind(sweep(directory, key), LockKind::source);
  if (sources.empty()) manage.set_clear();
  return sources;
}

}  // namespace unionroot::locks::detail
