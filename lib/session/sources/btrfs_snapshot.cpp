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
  std::vector<std::string> set_up(SessionContext& context, StageData& data) const override {
    const auto& source = source_of(*context.definition);
    source::open_directory(context.definition->name, source.snapshot_directory);
    const auto folder = kernel::open_directory(source.snapshot_directory);
    const auto path = concat(source.snapshot_directory, '/', context.id);
    const bool there = kernel::exists_at(folder.get(), context.id);
    if (context.recovering && !there)
      throw Error(ErrorCode::stage_failed, concat("its snapshot ", path, " is gone"),
                  concat("`unionroot end ", context.id, "`"));
    if (!context.recovering && there) {
      data["foreign"] = "yes";  // so that the tear-down does not take it for what was made here
      throw Error(ErrorCode::session_exists, concat("there is something at ", path, " already"),
                  "choose another name, or delete it (btrfs subvolume delete)");
    }
    if (!there) {
      kernel::make_snapshot(open_subvolume(*context.definition).get(), folder.get(), context.id);
      // A preserved session outlives a power failure right after begin.
      if (!context.automatic()) base::check(::syncfs(folder.get()), "syncing the new snapshot", path);
    }
    return {located(context, path, source.location)};
  }

  void tear_down(SessionContext& context, const StageData& data, TearDown mode) const override {
    if (mode == TearDown::keep_data || data.contains("foreign")) return;
    const auto& path = source_of(*context.definition).snapshot_directory;
    try {
      kernel::delete_subvolume(kernel::open_directory(path).get(), context.id);
    } catch (const base::SystemError& error) {
      if (error.error_number() == ENOENT) return;  // not even its folder is there
      throw Error(ErrorCode::failed, concat("deleting the snapshot ", path, '/', context.id, ": ", error.what()),
                  concat("btrfs subvolume delete ", path, '/', context.id));
    }
  }

  Recovery recover(SessionContext& context, const StageData&) const override {
    const auto& path = source_of(*context.definition).snapshot_directory;
    return ::access(concat(path, '/', context.id).c_str(), F_OK) == 0 ? Recovery::intact : Recovery::gone;
  }
};

}  // namespace

const SourceKind& btrfs_snapshot_source() {
  static const BtrfsSnapshotSourceKind kind;
  return kind;
}

}  // namespace unionroot::session
