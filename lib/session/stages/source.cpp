#include "session/stages/stages.h"

namespace unionroot::session {

void SourceStage::set_up(Operation& operation, StageData&) {
  // Below an overlay nothing may ever be written through; a session without one works on the tree itself.
  const bool read_only = operation.definition().has_union();
  const bool with_mounts = operation.definition().is_plain();
  for (const auto& path : operation->directories)
    operation->layers.push_back(mount::open_tree_clone(operation.services().mounts, path, with_mounts, read_only));
}

void SourceStage::tear_down(Operation& operation, const StageData&, TearDown) {
  operation->layers.clear();  // detached mounts: closing them unmounts them
}

Recovery SourceStage::recover(Operation&, const StageData&) {
  // What it made lives in the namespace now; whether that is there, the next stage finds out.
  return Recovery::intact;
}

}  // namespace unionroot::session
