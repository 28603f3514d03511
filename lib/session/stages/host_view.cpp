#include <sys/mount.h>

#include <exception>
#include <variant>

#include "fstab/from_profile.h"
#include "session/schroot_places.h"
#include "session/stages/stages.h"

namespace unionroot::session {

namespace {

// An automatic session's namespace lives as long as its command, and its processes are found by their control group.
// Without control groups the namespace must be kept, because it is the only way to find them.
bool keeps_namespace(const Operation& operation) {
  return !operation.automatic() || !operation.services().cgroups.available();
}

// A tree of type custom may consist of several mounts. schroot's clients expect to find the whole session there.
bool shows_all(const Operation& operation) {
  const auto& definition = operation.definition();
  return operation.identity().front_end || definition.host_view == definition::HostView::all ||
         std::holds_alternative<definition::CustomSource>(definition.source);
}

mount::View clone_view(Operation& operation) {
  if (shows_all(operation)) return {operation->space->clone_view(), {}};
  auto shown = fstab::plan_inner_mounts(operation.definition()).mounts;
  std::erase_if(shown, [](const auto& mount) { return !mount.shown; });
  return operation->space->clone_view(shown);
}

// The view must not let anybody run a set-uid program of an old tree, or open a device. Both work only in the session's
// own namespace.
void attach_view(Operation& operation) {
  const auto view = clone_view(operation);
  auto& mounts = operation.services().mounts;
  mounts.set_attributes(view.tree.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, 0, true);
  for (const auto& part : view.parts)
    mounts.set_attributes(part.tree.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, 0, true);
  operation.services().views.attach_view(operation.id(), view_access(operation), view);
}

void show_where_schroot_does(Operation& operation) {
  auto* const places = operation.services().schroot_places;
  if (places != nullptr && operation.identity().front_end)
    places->show(operation.id(), operation.services().views.view_path(operation.id()), [&](const std::string& place) {
      const auto session = schroot_session(operation.identity(), operation.definition(), place, operation.upper());
      auto keys = definition::schroot_keys(operation.definition(), session);
      // schroot's session file has none of these keys.
      std::erase_if(keys, [](const auto& entry) { return entry.first.starts_with("source-"); });
      return definition::schroot_section(session.id, keys);
    });
}

}  // namespace

bool has_host_view(const Session& session) {
  return !session.automatic() && session.definition->host_view != definition::HostView::no;
}

mount::ViewAccess view_access(const Operation& operation) {
  return {operation.identity().owner, operation.definition().host_view_access == definition::ViewAccess::all};
}

void HostViewStage::set_up(Operation& operation, StageData&) {
  auto& views = operation.services().views;
  if (keeps_namespace(operation)) views.keep_namespace(operation.id(), operation->space->descriptor());
  if (!has_host_view(operation.session())) return;
  attach_view(operation);
  show_where_schroot_does(operation);
}

void HostViewStage::tear_down(Operation& operation, const StageData&, TearDown) {
  auto& views = operation.services().views;
  // Both steps are tried. Otherwise the namespace would stay if the view cannot be detached.
  std::exception_ptr problem;
  try {
    if (has_host_view(operation.session())) {
      if (auto* const places = operation.services().schroot_places) places->withdraw(operation.id());
      operation->view_mount = views.mount_number(operation.id());
      views.detach_view(operation.id());
    }
  } catch (...) {
    problem = std::current_exception();
  }
  if (keeps_namespace(operation)) views.drop_namespace(operation.id());
  if (problem) std::rethrow_exception(problem);
}

Recovery HostViewStage::recover(Operation& operation, const StageData&) {
  auto& views = operation.services().views;
  if (views.has_former_view(operation.id())) views.detach_view(operation.id());
  if (!operation->space) return Recovery::gone;
  if (!has_host_view(operation.session())) return Recovery::intact;
  if (!views.has_view(operation.id())) attach_view(operation);  // somebody unmounted it; the session itself is intact
  show_where_schroot_does(operation);
  return Recovery::intact;
}

}  // namespace unionroot::session
