#include "session/sources/source.h"
#include "session/stages/stages.h"

namespace unionroot::session {

void BlockDeviceStage::set_up(SessionContext& context, StageData& data) {
  context.directories = source_kind(*context.definition).set_up(context, data);
}

void BlockDeviceStage::tear_down(SessionContext& context, const StageData& data, TearDown mode) {
  source_kind(*context.definition).tear_down(context, data, mode);
}

Recovery BlockDeviceStage::recover(SessionContext& context, const StageData& data) {
  return source_kind(*context.definition).recover(context, data);
}

}  // namespace unionroot::session
