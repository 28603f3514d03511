// What everybody may see of a session, at any time.
#pragma once

#include <string>
#include <vector>

#include "session/frozen_layer.h"
#include "session/progress.h"
#include "session/stage_data.h"
#include "store/store.h"

namespace unionroot::session {

// How far a stage has come, and what it left for its tear-down.
struct StageEntry {
  unsigned position = 0;  // in the order of stages
  std::string name;
  store::StageState state = store::StageState::starting;
  StageData data;
};

struct ShownDetails {
  std::vector<StageEntry> stages;  // those that were started, by position
  std::string upper;               // where the upper layer is on the host; empty if none
  std::vector<std::string> notes;  // of its set-up: conflicts, what was passed over, what hooks wrote
  Progress progress;               // of what is under way; empty if nothing is that takes its time
  FrozenStack frozen;              // former upper layers that it stands on
};

struct Shown : store::SessionStatus, ShownDetails {};

}  // namespace unionroot::session
