// Sessions on trees of the cache: what tarball and oci have in common.
//
// Which trees a session stands on is in the journal, TreeData::cache_keys. The files in the cache's `users` only keep
// the trees there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "session/sources/cache.h"
#include "session/stage.h"

namespace unionroot::session {

inline TreeCache cache_of(const Operation& operation) { return TreeCache(operation.services()); }

// Of a session that is recovered: the trees that it began on, top first. nullopt if one of them is not in the cache any
// more, or the session is just begun.
std::optional<std::vector<std::string>> take_cached_again(const Operation& operation, TreeData& data);

// After a restart of the daemon. The session stands on its trees again, so that nobody removes them. nullopt: they are
// gone.
std::optional<std::vector<std::string>> recover_cached(const Operation& operation, const TreeData& data);

// Throws Error(stage_failed): the trees of a session that keeps its upper layer are gone, and could only be made of
// something else. now: what there is, "the archive /srv/a.tar is KEY now".
[[noreturn]] void throw_another_tree(const Operation& operation, const TreeData& data, const std::string& now);

}  // namespace unionroot::session
