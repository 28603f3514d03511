// lvm-snapshot: each session has a snapshot of a logical volume. It is mounted, and removed when the session ends.
// LVM's own commands do it.
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
  std::vector<std::string> set_up(Operation& operation, TreeData& data) const override {
    const auto& source = source_of(operation.definition());
    const LvmSnapshot snapshot(source, operation.token());
    if (operation->recovering) {
      require_ours(snapshot, operation);
      kernel::run_or_throw(lvm(snapshot.activate()));
    } else {
      make_snapshot([&] { kernel::run_or_throw(lvm(snapshot.create(source))); }, [&] { return owner_of(snapshot); },
                    snapshot.path, data);
    }
    const auto path = operation.services().source_mounts.acquire(concat("own.", operation.id()), operation.id(), [&] {
      return mount_disk(operation, {"snapshot", snapshot.path, true, 0, source.mount_options, true}, false);
    });
    return {located(operation, path, source.location)};
  }

  void tear_down(Operation& operation, const TreeData& data, TearDown mode) const override {
    operation.services().source_mounts.release(operation.id());
    if (mode == TearDown::keep_data || data.untouched || kernel::find_program("lvremove").empty()) return;
    const LvmSnapshot snapshot(source_of(operation.definition()), operation.token());
    // If lvcreate failed because the name was in use, that volume belongs to somebody else.
    if (owner_of(snapshot).found == owned::Found::ours) kernel::run_or_throw(lvm(snapshot.remove()));
  }

  Recovery recover(Operation& operation, const TreeData&) const override {
    operation.services().source_mounts.adopt(concat("own.", operation.id()), operation.id());
    return Recovery::intact;
  }

  void mark_former(Operation& operation) const override {
    const LvmSnapshot snapshot(source_of(operation.definition()), operation.token());
    if (!operation.is_source() && LvmSnapshot::is_former(kernel::run_command(lvm(snapshot.tags()))))
      kernel::run_or_throw(lvm(snapshot.mark()));
  }

 private:
  static OwnerAnswer owner_of(const LvmSnapshot& snapshot) {
    return snapshot.owner(kernel::run_command(lvm(snapshot.tags())));
  }

  static void require_ours(const LvmSnapshot& snapshot, const Operation& operation) {
    const auto answer = owner_of(snapshot);
    if (answer.found == owned::Found::ours) return;
    throw_not_ours(answer, snapshot.path, operation.id());
  }
};

}  // namespace

const SourceKind& lvm_snapshot_source() {
  static const LvmSnapshotSourceKind kind;
  return kind;
}

}  // namespace unionroot::session
