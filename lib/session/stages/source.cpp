#include "session/source_tree.h"
#include "session/stages/stages.h"

namespace unionroot::session {

void SourceStage::set_up(SessionContext& context, StageData&) {
  const auto& definition = *context.definition;
  const bool read_only = definition.has_union();
  for (const auto& path : lower_directories(definition)) {
    // Checked for what it is; the clone is then taken by the same path, which root alone controls.
    open_source_directory(context.services.settings, definition.name, path);
    context.layers.push_back(mount::open_tree_clone(context.services.mounts, path, false, read_only));
  }
}

void SourceStage::tear_down(SessionContext& context, const StageData&, TearDown) {
  context.layers.clear();  // detached mounts: closing them unmounts them
}

Recovery SourceStage::recover(SessionContext&, const StageData&) {
  // What it made lives in the namespace now; whether that is there, the next stage finds out.
  return Recovery::intact;
}

}  // namespace unionroot::session
