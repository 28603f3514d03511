#include "session/sources/source.h"
#include "session/stages/stages.h"

namespace unionroot::session {

void ProvideTreeStage::set_up(Operation& operation, StageData& data) {
  // If a session is recovered, `data` already says what it used. A clone uses what the other session did.
  if (!std::holds_alternative<TreeData>(data)) data = operation->cloned_tree.value_or(TreeData());
  operation->directories = source_kind(operation.definition()).set_up(operation, std::get<TreeData>(data));
}

void ProvideTreeStage::tear_down(Operation& operation, const StageData& data, TearDown mode) {
  source_kind(operation.definition()).tear_down(operation, stage_data<TreeData>(data), mode);
}

Recovery ProvideTreeStage::recover(Operation& operation, const StageData& data) {
  return source_kind(operation.definition()).recover(operation, stage_data<TreeData>(data));
}

}  // namespace unionroot::session
