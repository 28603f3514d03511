#include <exception>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/text.h"
#include "mount/overlay_entry.h"
#include "session/backings/backing.h"
#include "session/files_layers.h"
#include "session/held_sessions.h"
#include "session/network.h"
#include "session/operations/apply.h"
#include "session/operations/reset.h"
#include "session/overlay_support.h"
#include "session/restack.h"
#include "session/stages/stages.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

// Never for a session that is to survive a crash of the machine.
bool is_volatile(const Operation& operation) {
  return operation.automatic() && operation.definition().union_.volatile_upper != definition::Choice::no;
}

mount::OverlayPlan plan_of(const Operation& operation) {
  mount::OverlayPlan plan;
  plan.lowers = static_cast<unsigned>(operation->layers.size());
  try {
    plan.options = mount::overlay_options(operation.definition().union_.mount_options);
  } catch (const Error& error) {
    throw Error(error.code(), concat("union-mount-options: ", error.what()), error.hint());
  }
  plan.volatile_upper = is_volatile(operation);
  return plan;
}

// A crash before the journal had the backing's name: the definition says which it was. nullptr for one that is not
// possible here: set_up refused it before it made anything.
const Backing* backing_of(const Operation& operation, const UnionData& data) {
  if (const auto* const backing = backing_named(data.backing)) return backing;
  try {
    return &backing_for(operation);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::not_supported) return nullptr;
    throw;
  }
}

// Whether no folders of the host's are all that its overlay is made of. Then the layers have a namespace of their own,
// for those who read them. An automatic session has none: with its command all of it is to go, also where no daemon is
// there to see to it.
bool keeps_layers(const Operation& operation, const Backing& backing) {
  return !operation.automatic() && (&backing != &directory_backing() ||
                                    std::holds_alternative<definition::CustomSource>(operation.definition().source));
}

// Before the session's own namespace goes, which is then the last that has its file systems mounted.
void drop_layers(const Operation& operation, const UnionData& data) {
  if (!operation.definition().has_union()) return;
  const auto* const backing = backing_of(operation, data);
  if (backing != nullptr && keeps_layers(operation, *backing)) operation.services().views.drop_layers(operation.id());
}

void lay_overlay(Operation& operation, UnionData& data) {
  const auto& backing = backing_for(operation);
  data.backing = backing.name();
  note_memory(operation, backing);
  if (auto layer = operation.services().files_layers.take(operation, operation->layers.front().get())) {
    data.files_layer = layer->name;
    operation->layers.insert(operation->layers.begin(),
                             mount::open_tree_clone(operation.services().mounts, layer->path, false, true));
    operation->files_layer = std::move(layer);
  }
  if (&backing == &directory_backing()) lay_frozen(operation);
  auto plan = plan_of(operation);
  if (!plan.options.empty()) require_options(operation.services(), plan.options);
  auto store = backing.set_up(operation, data);
  if (keeps_upper(operation)) {
    const auto before_overlay = std::exchange(operation->before_overlay, {});
    if (before_overlay) before_overlay(store.get(), backing.folder(operation.id()));
    settle_apply(operation, store.get(), backing.folder(operation.id()));
    carry_out_reset(operation, store.get(), backing.folder(operation.id()));
  }
  if (const auto folder = backing.folder(operation.id()); !folder.empty()) {
    plan.upper = concat(folder, "/upper");
    plan.work = concat(folder, "/work");
  }
  operation->space.emplace(operation.services().namespaces.create());
  operation->overlay_watched = false;
  try {
    operation->space->lay_overlay(plan, std::move(operation->layers), std::move(store));
  } catch (...) {
    operation->space.reset();  // it may show the machine's own tree, which must not be waited for
    throw;
  }
  operation->layers.clear();
  if (keeps_layers(operation, backing))
    operation.services().views.keep_layers(operation.id(), operation->space->copy_layers().get());
  operation->measurable = backing.measurable();
  if (operation->space->read_only())
    throw Error(ErrorCode::stage_failed, "the overlay was mounted read-only: its work directory could not be cleared",
                "look at the kernel's log (dmesg) for what overlayfs says");
}

}  // namespace

void UnionStage::set_up(Operation& operation, StageData& data) {
  make_network(operation);
  if (operation.definition().has_union()) {
    lay_overlay(operation, data.emplace<UnionData>());
    return;
  }
  if (operation->layers.size() != 1)
    throw Error(ErrorCode::stage_failed, concat("several layers need union-type=overlay; chroot ",
                                                operation.definition().name, " has union-type=none"));
  operation->space.emplace(operation.services().namespaces.create());
  operation->space->lay_tree(std::move(operation->layers.front()));
  operation->layers.clear();
}

void UnionStage::tear_down(Operation& operation, const StageData& data, TearDown mode) {
  std::exception_ptr problem;
  try {
    drop_network(operation);
  } catch (...) {
    problem = std::current_exception();
  }
  const auto& own = stage_data<UnionData>(data);
  try {
    drop_layers(operation, own);
  } catch (...) {
    problem = std::current_exception();
  }
  auto& held = operation.services().held_sessions;
  auto watched = held.watch(operation);
  if (operation->space) operation->overlay_watched = !watched.watches.empty();
  operation->space.reset();  // the last hold on the namespace: everything in it is unmounted
  held.count_while_held(operation, std::move(watched));
  if (!own.files_layer.empty()) operation.services().files_layers.release(own.files_layer, operation.id());
  const auto* const backing = operation.definition().has_union() ? backing_of(operation, own) : nullptr;
  if (backing == &directory_backing() && mode == TearDown::everything) release_frozen(operation);
  if (backing != nullptr) backing->tear_down(operation, own, mode);
  if (problem) std::rethrow_exception(problem);
}

Recovery UnionStage::recover(Operation& operation, const StageData& data) {
  const auto& own = stage_data<UnionData>(data);
  if (!own.files_layer.empty())
    operation->files_layer = operation.services().files_layers.hold_again(own.files_layer, operation.id());
  const auto* const backing = operation.definition().has_union() ? backing_of(operation, own) : nullptr;
  if (backing != nullptr) backing->recover(operation, own);
  if (backing == &directory_backing()) find_frozen(operation);
  auto kept = operation.services().views.open_namespace(operation.id());
  if (!kept) return Recovery::gone;
  operation->space.emplace(operation.services().namespaces.adopt(std::move(kept)));
  make_network(operation);  // a former version made one for each command
  operation->measurable = backing != nullptr && backing->measurable();
  return Recovery::intact;
}

}  // namespace unionroot::session
