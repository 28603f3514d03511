#include "session/hooks/tree_services.h"
#include "session/stages/stages.h"

namespace unionroot::session {

bool ServicesStage::applies(const definition::Definition& definition) const { return !services_of(definition).empty(); }

void ServicesStage::set_up(Operation& operation, StageData&) { start_services(operation); }

void ServicesStage::tear_down(Operation& operation, const StageData&, TearDown) {
  // When a session ends, ../operations/end.cpp stops its services before its processes are killed.
  if (!operation->begun) stop_services(operation);
  kill_services(operation);
}

Recovery ServicesStage::recover(Operation& operation, const StageData&) {
  return operation->space ? Recovery::intact : Recovery::gone;
}

}  // namespace unionroot::session
