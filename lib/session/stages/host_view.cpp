#include <sys/mount.h>

#include <exception>

#include "session/stages/stages.h"

namespace unionroot::session {

namespace {

// An automatic session's namespace lives as long as its command, and its processes are found by their control group.
// Only without control groups must the namespace be there to tell them by.
bool keeps_namespace(const Operation& operation) {
  return !operation.automatic() || !operation.services().cgroups.available();
}

// Everybody on the host may look through the window. It must be no way to run a set-uid program of an old tree, or to
// open a device: those work in the session's own namespace alone.
void attach_view(Operation& operation) {
  const auto view = operation->space->clone_view();
  operation.services().mounts.set_attributes(view.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, 0, true);
  operation.services().views.attach_view(operation.id(), view);
}

}  // namespace

void HostViewStage::set_up(Operation& operation, StageData&) {
  auto& views = operation.services().views;
  if (keeps_namespace(operation)) views.keep_namespace(operation.id(), operation->space->descriptor());
  if (operation.definition().host_view) attach_view(operation);
}

void HostViewStage::tear_down(Operation& operation, const StageData&, TearDown) {
  auto& views = operation.services().views;
  // Both are tried: the namespace would otherwise outlive a view that cannot be detached.
  std::exception_ptr problem;
  try {
    if (operation.definition().host_view) views.detach_view(operation.id());
  } catch (...) {
    problem = std::current_exception();
  }
  if (keeps_namespace(operation)) views.drop_namespace(operation.id());
  if (problem) std::rethrow_exception(problem);
}

Recovery HostViewStage::recover(Operation& operation, const StageData&) {
  if (!operation->space) return Recovery::gone;
  auto& views = operation.services().views;
  if (!operation.definition().host_view || views.has_view(operation.id())) return Recovery::intact;
  attach_view(operation);  // somebody unmounted it: the session itself is whole
  return Recovery::intact;
}

}  // namespace unionroot::session
