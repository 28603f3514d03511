// btrfs-snapshot: a writable snapshot of a subvolume for each session, deleted with it.
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "kernel/btrfs.h"
#include "kernel/files.h"
#include "session/sources/archives.h"
#include "session/sources/source.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

const definition::BtrfsSnapshotSource& source_of(const definition::Definition& definition) {
  return std::get<definition::BtrfsSnapshotSource>(definition.source);
}

UniqueFd open_subvolume(const definition::Definition& definition) {
  const auto& path = source_of(definition).source_subvolume;
  source::open_directory(definition.name, path);  // for its message
  auto subvolume = kernel::open_directory(path);
  if (kernel::is_subvolume(subvolume.get())) return subvolume;
  throw Error(ErrorCode::stage_failed,
              concat("chroot ", definition.name, ": btrfs-source-subvolume ", path,
                     " is not a subvolume of a btrfs file system"),
              concat("btrfs subvolume create ", path, "; then put the tree into it"));
}

class BtrfsSnapshotSourceKind : public SourceKind {
 public:
  std::vector<std::string> set_up(Operation& operation, TreeData& data) const override {
    const auto& source = source_of(operation.definition());
    source::open_directory(operation.definition().name, source.snapshot_directory);
    const auto folder = kernel::open_directory(source.snapshot_directory);
    const auto path = concat(source.snapshot_directory, '/', operation.id());
    const bool there = kernel::exists_at(folder.get(), operation.id());
    if (operation->recovering && !there)
      throw Error(ErrorCode::stage_failed, concat("its snapshot ", path, " is gone"),
                  concat("`unionroot end ", operation.id(), "`"));
    if (!operation->recovering && there) {
      data.foreign = true;  // so that the tear-down does not take it for what was made here
      throw Error(ErrorCode::session_exists, concat("there is something at ", path, " already"),
                  "choose another name, or delete it (btrfs subvolume delete)");
    }
    if (!there) {
      kernel::make_snapshot(open_subvolume(operation.definition()).get(), folder.get(), operation.id());
      // A preserved session outlives a power failure right after begin.
      if (!operation.automatic()) base::check(::syncfs(folder.get()), "syncing the new snapshot", path);
    }
    return {located(operation, path, source.location)};
  }

  void tear_down(Operation& operation, const TreeData& data, TearDown mode) const override {
    if (mode == TearDown::keep_data || data.foreign) return;
    const auto& path = source_of(operation.definition()).snapshot_directory;
    try {
      kernel::delete_subvolume(kernel::open_directory(path).get(), operation.id());
    } catch (const base::SystemError& error) {
      if (error.error_number() == ENOENT) return;  // not even its folder is there
      throw Error(ErrorCode::failed, concat("deleting the snapshot ", path, '/', operation.id(), ": ", error.what()),
                  concat("btrfs subvolume delete ", path, '/', operation.id()));
    }
  }

  Recovery recover(Operation& operation, const TreeData&) const override {
    const auto& path = source_of(operation.definition()).snapshot_directory;
    return ::access(concat(path, '/', operation.id()).c_str(), F_OK) == 0 ? Recovery::intact : Recovery::gone;
  }
};

}  // namespace

const SourceKind& btrfs_snapshot_source() {
  static const BtrfsSnapshotSourceKind kind;
  return kind;
}

}  // namespace unionroot::session
