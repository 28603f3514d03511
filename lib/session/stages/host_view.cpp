#include <sys/mount.h>

#include <exception>

#include "session/stages/stages.h"

namespace unionroot::session {

namespace {

// An automatic session's namespace lives as long as its command, and its processes are found by their control group.
// Only without control groups must the namespace be there to tell them by.
bool keeps_namespace(const SessionContext& context) {
  return !context.automatic() || !context.services.cgroups.available();
}

// Everybody on the host may look through the window. It must be no way to run a set-uid program of an old tree, or to
// open a device: those work in the session's own namespace alone.
void attach_view(const SessionContext& context) {
  const auto view = context.space->clone_view();
  context.services.mounts.set_attributes(view.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, 0, true);
  context.services.views.attach_view(context.id, view);
}

}  // namespace

void HostViewStage::set_up(SessionContext& context, StageData&) {
  auto& views = context.services.views;
  if (keeps_namespace(context)) views.keep_namespace(context.id, context.space->descriptor());
  if (context.definition->host_view) attach_view(context);
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
  attach_view(context);  // somebody unmounted it: the session itself is whole
  return Recovery::intact;
}

}  // namespace unionroot::session
