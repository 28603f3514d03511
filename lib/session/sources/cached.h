// Sessions on trees of the cache: shared by tarball and oci.
//
// The journal says which trees a session uses (TreeData::cache_keys). The files in the cache's `users` only keep the
// trees from being removed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "session/sources/cache.h"
#include "session/stage.h"

namespace unionroot::session {

inline TreeCache cache_of(const Operation& operation) { return TreeCache(operation.services()); }

// For a session that is recovered: takes the trees on which it began, top first. nullopt if one of them is no longer in
// the cache, or if the session is new.
std::optional<std::vector<std::string>> take_cached_again(const Operation& operation, TreeData& data);

// Called after a restart of the daemon. The session uses its trees again, so that nobody removes them. nullopt: they
// are gone.
std::optional<std::vector<std::string>> recover_cached(const Operation& operation, const TreeData& data);

// Throws Error(stage_failed): the trees of a session that keeps its upper layer are gone, and could only be made from
// another source. now: the present source, such as "the archive /srv/a.tar is KEY now".
[[noreturn]] void throw_another_tree(const Operation& operation, const TreeData& data, const std::string& now);

}  // namespace unionroot::session
