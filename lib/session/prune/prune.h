// Lists and removes leftovers.
#pragma once

#include <functional>
#include <string>

#include "definition/registry.h"
#include "owned/token.h"
#include "session/parts.h"
#include "session/prune/leftover.h"

namespace unionroot::session {

// The next two functions access disks and run programs. Both are thread-safe.

// chroots: searches their btrfs-snapshot-directories. Counts sizes for one second in all.
Leftovers find_leftovers(Parts& parts, const definition::Snapshot& chroots);
// Removes one leftover by its name, after a new search. Throws Error(invalid_argument) if it does not exist (any more),
// Error(session_busy) if a session begins to use it.
void remove_leftover(Parts& parts, const definition::Snapshot& chroots, const std::string& name);

// Removes unused cached trees whose origin no definition names. Does nothing while a definition is broken, since its
// files are unknown.
void drop_unwanted_caches(Parts& parts, const definition::Snapshot& chroots);

// True if a thing with this mark belongs to this daemon and to a session that does not exist.
using IsLeft = std::function<bool(const owned::Token&)>;
// In prune/snapshots.cpp. Failed searches are added to the problems.
void find_snapshots(const definition::Snapshot& chroots, const IsLeft& is_left, Leftovers& leftovers);
void remove_snapshot(const Leftover& leftover);

}  // namespace unionroot::session
