#include <sys/mount.h>

#include <algorithm>

#include "base/text.h"
#include "fstab/from_profile.h"
#include "session/network.h"
#include "session/stages/stages.h"
#include "tree/binfmt.h"
#include "tree/foreign.h"

namespace unionroot::session {

namespace {

// The kernel looks for an interpreter without the flag F in the mount namespace of the program. So it must exist there.
void add_interpreters(Operation& operation, mount::MountPlan& plan) {
  const auto root = operation->space->root();
  auto foreign = tree::look_for_foreign_programs(root.get(), tree::binfmt_directory);
  operation.notes(std::move(foreign.notes));
  for (auto& path : foreign.interpreters) {
    mount::InnerMount entry;
    entry.kind = mount::InnerMount::Kind::bind;
    entry.target = path.substr(1);
    entry.source = std::move(path);
    entry.target_kind = mount::TargetKind::file;
    entry.attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    entry.optional = entry.usual = true;
    entry.origin = "the interpreter for the tree's programs";
    plan.mounts.push_back(std::move(entry));
  }
}

bool brings_dev(const mount::MountPlan& plan) {
  const auto is_dev = [](const mount::InnerMount& entry) { return entry.target == "dev"; };
  return plan.private_dev || std::any_of(plan.mounts.begin(), plan.mounts.end(), is_dev);
}

// The session has only the tree's own device nodes, unless the administrator has mounted a /dev.
void use_as_it_is(Operation& operation) {
  mount::MountPlan plan;
  plan.devices = operation->owner_may_be_root || operation->space->open_mounts({"dev"}).empty();
  operation->space->mount_inner(plan, {});
  operation->space->make_root();
}

}  // namespace

bool has_own_layer(const definition::Definition& definition) {
  return definition.has_union() || std::holds_alternative<definition::BtrfsSnapshotSource>(definition.source) ||
         std::holds_alternative<definition::LvmSnapshotSource>(definition.source) ||
         std::holds_alternative<definition::ZfsSnapshotSource>(definition.source) ||
         (std::holds_alternative<definition::CustomSource>(definition.source) && definition.purgeable());
}

void InnerMountsStage::set_up(Operation& operation, StageData&) {
  if (operation.definition().is_plain()) {
    use_as_it_is(operation);
    return;
  }
  auto plan = fstab::plan_inner_mounts(operation.definition());
  // A device node in the tree could give access that the host's own node denies. A user who may be root can make any
  // device. Programs that make trees, such as debootstrap, do so, and try them.
  plan.devices = !brings_dev(plan) || operation->owner_may_be_root;
  if (operation.definition().hide_state) {
    // An overlay's own upper and work directories give ELOOP when they are looked at through its lower layer.
    plan.hidden.push_back(operation.services().settings.state_directory);
    plan.hidden.push_back(operation.services().settings.runtime_directory);
  }
  add_interpreters(operation, plan);
  auto sources = mount::open_sources(operation.services().mounts, plan, operation.services().host_mounts);
  // A new sysfs shows the interfaces of the network in which it is mounted.
  in_network_of(operation, [&] { operation.notes(operation->space->mount_inner(plan, std::move(sources))); });
  operation->space->make_root();
}

void InnerMountsStage::tear_down(Operation&, const StageData&, TearDown) {}  // the mounts are gone with the namespace

Recovery InnerMountsStage::recover(Operation& operation, const StageData&) {
  return operation->space ? Recovery::intact : Recovery::gone;
}

}  // namespace unionroot::session
