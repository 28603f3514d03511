#include "session/stages/stages.h"
#include "source/within.h"

namespace unionroot::session {

void SourceStage::set_up(Operation& operation, StageData&) {
  // Layers below an overlay must never be written to. A session without one works on the tree itself.
  const bool read_only = operation.definition().has_union();
  const bool with_mounts = operation.definition().is_plain();
  for (const auto& path : operation->directories)
    operation->layers.push_back(mount::open_tree_clone(operation.services().mounts, path, with_mounts, read_only));
  // Nobody reads the notes of an automatic session, and the mount table may be long.
  if (with_mounts || operation.automatic() || operation->recovering) return;
  const auto mounts = operation.services().host_mounts.others();
  for (const auto& path : operation->directories)
    if (auto about = source::about_missing_mounts(mounts, path, operation.definition()); !about.empty())
      operation.note(std::move(about));
}

void SourceStage::tear_down(Operation& operation, const StageData&, TearDown) {
  operation->layers.clear();  // detached mounts: closing them unmounts them
}

Recovery SourceStage::recover(Operation&, const StageData&) {
  // The mounts are in the namespace now. The next stage finds out whether it exists.
  return Recovery::intact;
}

}  // namespace unionroot::session
