// The list of what may go, and its removal.
#pragma once

#include <functional>
#include <string>

#include "definition/registry.h"
#include "owned/token.h"
#include "session/parts.h"
#include "session/prune/leftover.h"

namespace unionroot::session {

// Both look at disks and run programs. Thread-safe.

// chroots: their btrfs-snapshot-directories are looked at. Sizes are counted for a second in all.
Leftovers find_leftovers(Parts& parts, const definition::Snapshot& chroots);
// Removes one thing of the list, by its name; it is looked for anew. Throws Error(invalid_argument) if there is no such
// thing (any more), Error(session_busy) if a session takes it into use.
void remove_leftover(Parts& parts, const definition::Snapshot& chroots, const std::string& name);

// Nothing while a definition is broken: what it names is not known.
void drop_unwanted_caches(Parts& parts, const definition::Snapshot& chroots);

// Whether a thing with this mark is this daemon's, and of a session that it does not have.
using IsLeft = std::function<bool(const owned::Token&)>;
// prune/snapshots.cpp. What cannot be asked is added to the problems.
void find_snapshots(const definition::Snapshot& chroots, const IsLeft& is_left, Leftovers& leftovers);
void remove_snapshot(const Leftover& leftover);

}  // namespace unionroot::session
