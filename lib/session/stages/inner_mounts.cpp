#include "mount/from_profile.h"
#include "session/stages/stages.h"

namespace unionroot::session {

void InnerMountsStage::set_up(SessionContext& context, StageData&) {
  auto plan = mount::plan_inner_mounts(*context.definition);
  if (context.definition->hide_state) {
    // An overlay's own upper and work directories, seen through its lower layer, answer ELOOP to whoever looks.
    plan.hidden.push_back(context.services.settings.state_directory);
    plan.hidden.push_back(context.services.settings.runtime_directory);
  }
  context.space->mount_inner(plan, mount::open_sources(context.services.mounts, plan));
  context.space->make_root();
}

void InnerMountsStage::tear_down(SessionContext&, const StageData&, TearDown) {}  // they go with the namespace

Recovery InnerMountsStage::recover(SessionContext& context, const StageData&) {
  return context.space ? Recovery::intact : Recovery::gone;
}

}  // namespace unionroot::session
