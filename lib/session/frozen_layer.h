// An upper layer that was frozen: it lies beneath the upper layers of the sessions that stand on it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace unionroot::session {

struct FrozenLayer {
  std::string id;            // its folder's name (frozen_layers.h)
  std::string snapshot;      // the name that it has in this session
  std::int64_t created = 0;  // when it was frozen: microseconds since the epoch
  std::string identity;      // sources/directory_identity.h
};
using FrozenStack = std::vector<FrozenLayer>;  // top first

}  // namespace unionroot::session
