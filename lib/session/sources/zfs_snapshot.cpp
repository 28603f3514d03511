// zfs-snapshot: each session has a snapshot of a data set and a writable clone of it. The command zfs makes them.
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
  std::vector<std::string> set_up(Operation& operation, TreeData& data) const override {
    const auto& source = source_of(operation.definition());
    const ZfsSnapshot names(source, operation.token());
    if (operation.is_source()) {
      // A source session uses the data set itself.
    } else if (operation->recovering) {
      require_ours(names, operation);
    } else {
      make_snapshot([&] { kernel::run_or_throw(zfs(names.make_snapshot())); },
                    [&] { return owner_of(names, names.snapshot); }, names.snapshot, data);
      TreeData unused;  // not `data`: the snapshot exists by now
      make_snapshot([&] { kernel::run_or_throw(zfs(names.make_clone(source))); },
                    [&] { return owner_of(names, names.clone); }, names.clone, unused);
    }
    const auto path = operation.services().source_mounts.acquire(concat("own.", operation.id()), operation.id(), [&] {
      return operation.services().mounts.new_filesystem("zfs", operation.is_source() ? source.dataset : names.clone,
                                                        {{"zfsutil", ""}}, 0);
    });
    return {located(operation, path, source.location)};
  }

  void tear_down(Operation& operation, const TreeData& data, TearDown mode) const override {
    operation.services().source_mounts.release(operation.id());
    if (mode == TearDown::keep_data || operation.is_source() || data.untouched || kernel::find_program("zfs").empty())
      return;
    const ZfsSnapshot names(source_of(operation.definition()), operation.token());
    for (const auto& name : {names.clone, names.snapshot})
      if (owner_of(names, name).found == owned::Found::ours) kernel::run_or_throw(zfs(ZfsSnapshot::destroy(name)));
  }

  Recovery recover(Operation& operation, const TreeData&) const override {
    operation.services().source_mounts.adopt(concat("own.", operation.id()), operation.id());
    return Recovery::intact;
  }

  void mark_former(Operation& operation) const override {
    if (operation.is_source()) return;
    const ZfsSnapshot names(source_of(operation.definition()), operation.token());
    for (const auto& name : {names.clone, names.snapshot}) {
      const auto former = kernel::run_command(zfs(ZfsSnapshot::former_owner_of(name)));
      if (former.end.succeeded() && former.output == operation.id() + "\n") kernel::run_or_throw(zfs(names.mark(name)));
    }
  }

 private:
  static OwnerAnswer owner_of(const ZfsSnapshot& names, const std::string& name) {
    return names.owner(kernel::run_command(zfs(ZfsSnapshot::owner_of(name))));
  }

  static void require_ours(const ZfsSnapshot& names, const Operation& operation) {
    const auto answer = owner_of(names, names.clone);
    if (answer.found == owned::Found::ours) return;
    throw_not_ours(answer, names.clone, operation.id());
  }
};

}  // namespace

const SourceKind& zfs_snapshot_source() {
  static const ZfsSnapshotSourceKind kind;
  return kind;
}

}  // namespace unionroot::session
