// Where the layers of a session's overlay are, for those who read them or write to them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "session/session.h"

namespace unionroot::session {

// The calling thread is where this path of the folder that has `upper` and `work` leads there. That may be a namespace
// with nothing but the session's layers in it: no place to start anything. False, and nothing is called, if the session
// has no upper layer, or it is not known where (a former version of unionroot began it).
bool in_store(Services& services, const Session& session, const std::function<void(const std::string&)>& action);

struct LayerPlaces {
  std::string store;
  std::vector<std::string> lowers;  // top first
  std::vector<std::string> former;  // upper layers that were frozen, between both; top first
};
// The same with all layers. made: what the session is made of.
bool in_layers(Services& services, const Session& session, const SetUp& made,
               const std::function<void(const LayerPlaces&)>& action);

}  // namespace unionroot::session
