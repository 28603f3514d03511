#include "session/stages/stages.h"

namespace unionroot::session {

void SourceStage::set_up(SessionContext& context, StageData&) {
  // Below an overlay nothing may ever be written through; a session without one works on the tree itself.
  const bool read_only = context.definition->has_union();
  for (const auto& path : context.directories)
    context.layers.push_back(mount::open_tree_clone(context.services.mounts, path, false, read_only));
}

void SourceStage::tear_down(SessionContext& context, const StageData&, TearDown) {
  context.layers.clear();  // detached mounts: closing them unmounts them
}

Recovery SourceStage::recover(SessionContext&, const StageData&) {
  // What it made lives in the namespace now; whether that is there, the next stage finds out.
  return Recovery::intact;
}

}  // namespace unionroot::session
