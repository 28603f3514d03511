#include "session/sources/cached.h"

#include "base/error.h"
#include "base/text.h"
#include "session/sources/source.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

// A former version wrote keys into the journal for tarballs only.
std::vector<std::string> keys_of(const Operation& operation, const TreeData& data) {
  if (!data.cache_keys.empty()) return base::split(data.cache_keys, ' ');
  return cache_of(operation).keys_in_use(operation.id());
}

}  // namespace

std::optional<std::vector<std::string>> take_cached_again(const Operation& operation, TreeData& data) {
  if (!operation->recovering && !operation->cloned_tree) return std::nullopt;
  const auto keys = keys_of(operation, data);
  data.cache_keys = base::join(keys, " ");
  return cache_of(operation).take_again(keys, operation.token(), !operation.automatic());
}

std::optional<std::vector<std::string>> recover_cached(const Operation& operation, const TreeData& data) {
  return cache_of(operation).take_again(keys_of(operation, data), operation.token(), !operation.automatic());
}

void throw_another_tree(const Operation& operation, const TreeData& data, const std::string& now) {
  const auto keys = base::split(data.cache_keys, ' ');
  throw Error(ErrorCode::stage_failed,
              concat("the tree on which the session began (", keys.empty() ? "its key is unknown" : keys.front(),
                     ") is no longer in the cache, and ", now),
              back_or_accept(operation));
}

}  // namespace unionroot::session
