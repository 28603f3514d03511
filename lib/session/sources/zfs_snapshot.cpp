// zfs-snapshot: a snapshot of a data set, and a writable clone of it, for each session. By the command zfs.
#include <cstdint>

#include "base/error.h"
#include "base/text.h"
#include "kernel/command.h"
#include "session/sources/archives.h"
#include "session/sources/snapshot_commands.h"
#include "session/sources/source.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

const definition::ZfsSnapshotSource& source_of(const definition::Definition& definition) {
  return std::get<definition::ZfsSnapshotSource>(definition.source);
}

kernel::Command zfs(Words words) {
  kernel::Command command;
  command.words = std::move(words);
  command.package = "zfsutils-linux zfs-dkms";
  return command;
}

class ZfsSnapshotSourceKind : public SourceKind {
 public:
  std::vector<std::string> set_up(Operation& operation, TreeData&) const override {
    const auto& source = source_of(operation.definition());
    const ZfsSnapshot names(source, operation.id());
    if (operation.is_source()) {
      // The data set itself.
    } else if (operation->recovering) {
      if (!is_ours(names.clone, operation.id()))
        throw Error(ErrorCode::stage_failed, concat("its clone ", names.clone, " is gone"),
                    concat("`unionroot end ", operation.id(), "`"));
    } else {
      kernel::run_or_throw(zfs(names.make_snapshot(operation.id())));
      kernel::run_or_throw(zfs(names.make_clone(source, operation.id())));
    }
    const auto path = operation.services().source_mounts.acquire(concat("own.", operation.id()), operation.id(), [&] {
      return operation.services().mounts.new_filesystem("zfs", operation.is_source() ? source.dataset : names.clone,
                                                        {{"zfsutil", ""}}, 0);
    });
    return {located(operation, path, source.location)};
  }

  void tear_down(Operation& operation, const TreeData&, TearDown mode) const override {
    operation.services().source_mounts.release(operation.id());
    if (mode == TearDown::keep_data || operation.is_source() || kernel::find_program("zfs").empty()) return;
    const ZfsSnapshot names(source_of(operation.definition()), operation.id());
    for (const auto& name : {names.clone, names.snapshot})
      if (is_ours(name, operation.id())) kernel::run_or_throw(zfs(ZfsSnapshot::destroy(name)));
  }

  Recovery recover(Operation& operation, const TreeData&) const override {
    operation.services().source_mounts.adopt(concat("own.", operation.id()), operation.id());
    return Recovery::intact;
  }

 private:
  static bool is_ours(const std::string& name, const std::string& session) {
    const auto found = kernel::run_command(zfs(ZfsSnapshot::owner(name)));
    return found.end.succeeded() && found.output == session + "\n";
  }
};

}  // namespace

const SourceKind& zfs_snapshot_source() {
  static const ZfsSnapshotSourceKind kind;
  return kind;
}

}  // namespace unionroot::session
