#include <exception>

#include "session/stages/stages.h"

namespace unionroot::session {

namespace {

// An automatic session's namespace lives as long as its command, and its processes are found by their control group. Only
// without control groups must the namespace be there to tell them by.
bool keeps_namespace(const SessionContext& context) {
  return !context.automatic() || !context.services.cgroups.available();
}

}  // namespace

void HostViewStage::set_up(SessionContext& context, StageData&) {
  auto& views = context.services.views;
  if (keeps_namespace(context)) views.keep_namespace(context.id, context.space->descriptor());
  if (context.definition->host_view) views.attach_view(context.id, context.space->clone_view());
}

void HostViewStage::tear_down(SessionContext& context, const StageData&, TearDown) {
  auto& views = context.services.views;
  // Both are tried: the namespace would otherwise outlive a view that cannot be detached.
  std::exception_ptr problem;
  try {
    if (context.definition->host_view) views.detach_view(context.id);
  } catch (...) {
    problem = std::current_exception();
  }
  if (keeps_namespace(context)) views.drop_namespace(context.id);
  if (problem) std::rethrow_exception(problem);
}

Recovery HostViewStage::recover(SessionContext& context, const StageData&) {
  if (!context.space) return Recovery::gone;
  auto& views = context.services.views;
  if (!context.definition->host_view || views.has_view(context.id)) return Recovery::intact;
  views.attach_view(context.id, context.space->clone_view());  // somebody unmounted it: the session itself is whole
  return Recovery::intact;
}

}  // namespace unionroot::session
