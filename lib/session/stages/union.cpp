#include "base/error.h"
#include "base/text.h"
#include "mount/from_profile.h"
#include "session/backings/backing.h"
#include "session/files_layers.h"
#include "session/overlay_support.h"
#include "session/stages/stages.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

// Never for a session that is to survive a crash of the machine.
bool is_volatile(const SessionContext& context) {
  return context.automatic() && context.definition->union_.volatile_upper != definition::Choice::no;
}

mount::OverlayPlan plan_of(const SessionContext& context) {
  mount::OverlayPlan plan;
  plan.lowers = static_cast<unsigned>(context.layers.size());
  try {
    plan.options = mount::overlay_options(context.definition->union_.mount_options);
  } catch (const Error& error) {
    throw Error(error.code(), concat("union-mount-options: ", error.what()), error.hint());
  }
  plan.volatile_upper = is_volatile(context);
  return plan;
}

// A crash before the journal had the backing's name: the definition says which it was. nullptr for one that is not
// possible here: set_up refused it before it made anything.
const Backing* backing_of(const SessionContext& context, const StageData& data) {
  if (const auto name = data.find("backing"); name != data.end())
    if (const auto* const backing = backing_named(name->second)) return backing;
  try {
    return &backing_for(context);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::not_supported) return nullptr;
    throw;
  }
}

void lay_overlay(SessionContext& context, StageData& data) {
  const auto& backing = backing_for(context);
  data["backing"] = backing.name();
  if (auto layer = context.services.files_layers.take(context, context.layers.front().get())) {
    data["files-layer"] = layer->name;
    context.layers.insert(context.layers.begin(),
                          mount::open_tree_clone(context.services.mounts, layer->path, false, true));
    context.files_layer = std::move(layer);
  }
  auto plan = plan_of(context);
  if (!plan.options.empty()) require_options(context.services, plan.options);
  auto store = backing.set_up(context, data);
  if (const auto folder = backing.folder(context); !folder.empty()) {
    plan.upper = concat(folder, "/upper");
    plan.work = concat(folder, "/work");
  }
  context.space.emplace(context.services.namespaces.create());
  context.space->lay_overlay(plan, std::move(context.layers), std::move(store));
  context.layers.clear();
  if (backing.measurable()) context.measured = std::make_shared<base::UniqueFd>(context.space->root());
  if (context.space->read_only())
    throw Error(ErrorCode::stage_failed, "the overlay was mounted read-only: its work directory could not be cleared",
                "look at the kernel's log (dmesg) for what overlayfs says");
}

}  // namespace

void UnionStage::set_up(SessionContext& context, StageData& data) {
  if (context.definition->has_union()) {
    lay_overlay(context, data);
    return;
  }
  if (context.layers.size() != 1)
    throw Error(ErrorCode::stage_failed, concat("several layers need union-type=overlay; chroot ",
                                                context.definition->name, " has union-type=none"));
  context.space.emplace(context.services.namespaces.create());
  context.space->lay_tree(std::move(context.layers.front()));
  context.layers.clear();
}

void UnionStage::tear_down(SessionContext& context, const StageData& data, TearDown mode) {
  context.measured.reset();
  context.space.reset();  // the last hold on the namespace: everything in it is unmounted
  if (const auto layer = data.find("files-layer"); layer != data.end())
    context.services.files_layers.release(layer->second, context.id);
  if (!context.definition->has_union()) return;
  if (const auto* const backing = backing_of(context, data)) backing->tear_down(context, data, mode);
}

Recovery UnionStage::recover(SessionContext& context, const StageData& data) {
  if (const auto layer = data.find("files-layer"); layer != data.end())
    context.services.files_layers.hold_again(layer->second, context.id);
  const auto* const backing = context.definition->has_union() ? backing_of(context, data) : nullptr;
  if (backing != nullptr) backing->recover(context, data);
  auto kept = context.services.views.open_namespace(context.id);
  if (!kept) return Recovery::gone;
  context.space.emplace(context.services.namespaces.adopt(std::move(kept)));
  if (backing != nullptr && backing->measurable())
    context.measured = std::make_shared<base::UniqueFd>(context.space->root());
  return Recovery::intact;
}

}  // namespace unionroot::session
