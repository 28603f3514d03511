// Private to locks: steps shared by taking and recovering locks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "locks/directory.h"
#include "locks/manage.h"
#include "locks/source_lock.h"

namespace unionroot::locks::detail {

using Entries = std::vector<Entry>;

// Fills in what the caller left open: this process as the owner, and the current time.
LockOwner completed(LockOwner owner);

Entries of_kind(const Entries& entries, LockKind kind);

// Throws Error(invalid_argument) for an invalid key or session name.
FileName session_name(const std::string& key, const std::string& session);

// The valid source locks, which block a session. The caller holds the manage lock. Usually this reads only the manage
// file.
Entries standing_sources(const Directory& directory, const std::string& key, ManageLock& manage);

}  // namespace unionroot::locks::detail
