// Private to locks: what taking a lock and recovering one have in common.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "locks/directory.h"
#include "locks/manage.h"
#include "locks/source_lock.h"

namespace unionroot::locks::detail {

using Entries = std::vector<Entry>;

// With this process as the owner, and now as the time, where the caller left them open.
LockOwner completed(LockOwner owner);

Entries of_kind(const Entries& entries, LockKind kind);

// Throws Error(invalid_argument) if the key or the session's name is none.
FileName session_name(const std::string& key, const std::string& session);

// Under the manage lock: the source locks that stand in a session's way. One look at the manage file as a rule.
Entries standing_sources(const Directory& directory, const std::string& key, ManageLock& manage);

}  // namespace unionroot::locks::detail
