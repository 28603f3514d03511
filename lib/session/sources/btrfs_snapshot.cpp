// btrfs-snapshot: each session has a writable snapshot of a subvolume. It is deleted when the session ends.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "kernel/btrfs.h"
#include "kernel/files.h"
#include "owned/folder.h"
#include "owned/place.h"
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
  source::open_directory(definition.name, path);  // throws a clear error message
  auto subvolume = kernel::open_directory(path);
  if (kernel::is_subvolume(subvolume.get())) return subvolume;
  throw Error(ErrorCode::stage_failed,
              concat("chroot ", definition.name, ": btrfs-source-subvolume ", path,
                     " is not a subvolume of a btrfs file system"),
              concat("btrfs subvolume create ", path, "; then put the tree into it"));
}

class BtrfsSnapshotSourceKind : public SourceKind {
 public:
  std::vector<std::string> set_up(Operation& operation, TreeData&) const override {
    const auto& source = source_of(operation.definition());
    source::open_directory(operation.definition().name, source.snapshot_directory);
    // Refuses a folder that others than root can change: they could put another tree in the place of a new snapshot.
    const auto folder = owned::open_place("the btrfs-snapshot-directory", source.snapshot_directory);
    if (!folder) throw base::SystemError(ENOENT, concat("opening the folder ", source.snapshot_directory));
    if (operation->recovering)
      require_snapshot(operation, folder->get());
    else
      make(operation, folder->get());
    return {located(operation, concat(source.snapshot_directory, '/', operation.id()), source.location)};
  }

  void tear_down(Operation& operation, const TreeData&, TearDown mode) const override {
    if (mode == TearDown::keep_data) return;
    const auto& path = source_of(operation.definition()).snapshot_directory;
    try {
      const auto folder = kernel::open_directory(path);
      kernel::delete_subvolume(folder.get(), owned::unfinished_name(operation.token()));
      if (owned::find(folder.get(), operation.id(), operation.token()) == owned::Found::ours)
        kernel::delete_subvolume(folder.get(), operation.id());
    } catch (const base::SystemError& error) {
      if (error.error_number() == ENOENT) return;  // its folder is gone too
      throw Error(ErrorCode::failed, concat("deleting the snapshot ", path, '/', operation.id(), ": ", error.what()),
                  concat("btrfs subvolume delete ", path, '/', operation.id()));
    }
  }

  Recovery recover(Operation& operation, const TreeData&) const override {
    const UniqueFd folder(
        ::open(source_of(operation.definition()).snapshot_directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return folder && owned::find(folder.get(), operation.id(), operation.token()) == owned::Found::ours
               ? Recovery::intact
               : Recovery::gone;
  }

  void mark_former(Operation& operation) const override {
    const auto folder = kernel::open_directory(source_of(operation.definition()).snapshot_directory);
    if (!kernel::exists_at(folder.get(), operation.id())) return;
    const auto snapshot = kernel::open_directory_at(folder.get(), operation.id());
    if (!kernel::is_subvolume(snapshot.get()) || !owned::read_mark(snapshot.get()).text.empty()) return;
    owned::set_mark(snapshot.get(), operation.token());
    kernel::sync_directory(snapshot.get());  // the mark must be on the disk before the store records it
  }

 private:
  // A snapshot cannot be made and marked in one step, so its first name contains the token.
  static void make(const Operation& operation, int folder) {
    const auto token = operation.token();
    const auto& path = source_of(operation.definition()).snapshot_directory;
    const auto refuse_other = [&] {
      if (kernel::exists_at(folder, operation.id())) owned::refuse_foreign(folder, path, operation.id(), token);
    };
    refuse_other();
    const auto unfinished = owned::unfinished_name(token);
    kernel::make_snapshot(open_subvolume(operation.definition()).get(), folder, unfinished);
    owned::set_mark(kernel::open_directory_at(folder, unfinished).get(), token);
    try {
      kernel::rename_to(folder, unfinished, folder, operation.id());
    } catch (const base::SystemError& error) {
      if (error.error_number() == EEXIST) refuse_other();
      throw;
    }
    // A preserved session must survive a power failure right after begin.
    if (!operation.automatic()) base::check(::syncfs(folder), "syncing the new snapshot in", path);
  }

  static void require_snapshot(const Operation& operation, int folder) {
    const auto found = owned::find(folder, operation.id(), operation.token());
    if (found == owned::Found::ours) return;
    const auto path = concat(source_of(operation.definition()).snapshot_directory, '/', operation.id());
    throw Error(
        ErrorCode::stage_failed,
        found == owned::Found::nothing
            ? concat("its snapshot ", path, " is gone")
            : concat(path, " belongs to ", owned::mark_of(folder, operation.id()).owner(), ", not to this session"),
        concat("`unionroot end ", operation.id(), "`"));
  }
};

}  // namespace

const SourceKind& btrfs_snapshot_source() {
  static const BtrfsSnapshotSourceKind kind;
  return kind;
}

}  // namespace unionroot::session
