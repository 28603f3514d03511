// lvm-snapshot: a snapshot of a logical volume for each session, mounted, and removed with it. By LVM's own commands.
#include "base/error.h"
#include "base/text.h"
#include "kernel/command.h"
#include "session/disks.h"
#include "session/sources/archives.h"
#include "session/sources/snapshot_commands.h"
#include "session/sources/source.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

const definition::LvmSnapshotSource& source_of(const definition::Definition& definition) {
  return std::get<definition::LvmSnapshotSource>(definition.source);
}

kernel::Command lvm(Words words) {
  kernel::Command command;
  command.words = std::move(words);
  command.package = "lvm2";
  return command;
}

class LvmSnapshotSourceKind : public SourceKind {
 public:
  std::vector<std::string> set_up(Operation& operation, TreeData&) const override {
    const auto& source = source_of(operation.definition());
    const LvmSnapshot snapshot(source, operation.id());
    if (operation->recovering) {
      if (!is_ours(snapshot))
        throw Error(ErrorCode::stage_failed, concat("its snapshot ", snapshot.path, " is gone"),
                    concat("`unionroot end ", operation.id(), "`"));
      kernel::run_or_throw(lvm(snapshot.activate()));
    } else {
      kernel::run_or_throw(lvm(snapshot.create(source)));
    }
    const auto path = operation.services().source_mounts.acquire(concat("own.", operation.id()), operation.id(), [&] {
      return mount_disk(operation.services(), operation.definition().name,
                        {"snapshot", snapshot.path, true, 0, source.mount_options, true}, false);
    });
    return {located(operation, path, source.location)};
  }

  void tear_down(Operation& operation, const TreeData&, TearDown mode) const override {
    operation.services().source_mounts.release(operation.id());
    if (mode == TearDown::keep_data || kernel::find_program("lvremove").empty()) return;
    const LvmSnapshot snapshot(source_of(operation.definition()), operation.id());
    // A volume of that name that lvcreate met, and refused, is somebody else's.
    if (is_ours(snapshot)) kernel::run_or_throw(lvm(snapshot.remove()));
  }

  Recovery recover(Operation& operation, const TreeData&) const override {
    operation.services().source_mounts.adopt(concat("own.", operation.id()), operation.id());
    return Recovery::intact;
  }

 private:
  static bool is_ours(const LvmSnapshot& snapshot) {
    const auto found = kernel::run_command(lvm(snapshot.tags()));
    if (!found.end.succeeded()) return false;  // there is none, or no such group
    for (const auto& tag : base::split(
             base::trim(base::split(found.output, '\n').empty() ? "" : base::split(found.output, '\n').front()), ','))
      if (tag == LvmSnapshot::tag) return true;
    return false;
  }
};

}  // namespace

const SourceKind& lvm_snapshot_source() {
  static const LvmSnapshotSourceKind kind;
  return kind;
}

}  // namespace unionroot::session
