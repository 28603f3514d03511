#include "session/sources/source.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/text.h"
#include "fstab/from_profile.h"
#include "locks/source_lock.h"
#include "session/disks.h"

namespace unionroot::session {

std::string back_or_accept(const Operation& operation) {
  const auto& id = operation.id();
  if (!operation->recovering)  // a clone, of which nothing stays
    return "its layers fit no other tree: restore the former source, or begin a session on the present one";
  return base::concat("restore the former source and run `unionroot recover ", id,
                      "`; or accept the present one as root: ", "`unionroot recover --accept-source ", id,
                      "`; or end the session: `unionroot end ", id, "`");
}

const SourceKind& source_kind(const definition::Definition& definition) {
  if (std::holds_alternative<definition::DirectorySource>(definition.source) ||
      std::holds_alternative<definition::LayersSource>(definition.source))
    return directory_source();
  if (std::holds_alternative<definition::FileSource>(definition.source)) return tarball_source();
  if (std::holds_alternative<definition::OciSource>(definition.source)) return oci_source();
  if (std::holds_alternative<definition::ImageSource>(definition.source) ||
      std::holds_alternative<definition::LoopbackSource>(definition.source) ||
      std::holds_alternative<definition::BlockDeviceSource>(definition.source))
    return mounted_source();
  if (std::holds_alternative<definition::BtrfsSnapshotSource>(definition.source)) return btrfs_snapshot_source();
  if (std::holds_alternative<definition::LvmSnapshotSource>(definition.source)) return lvm_snapshot_source();
  if (std::holds_alternative<definition::ZfsSnapshotSource>(definition.source)) return zfs_snapshot_source();
  if (std::holds_alternative<definition::CustomSource>(definition.source)) return custom_source();
  throw base::Error(base::ErrorCode::not_supported,
                    base::concat("chroot ", definition.name, ": sessions on type ", definition.type,
                                 " are not supported by this version"),
                    "use type=directory with union-type=overlay on an unpacked tree");
}

namespace {

// overlayfs accepts an upper layer in use, and only writes a line to the kernel's log. So these folders are locked. A
// missing folder is skipped: the stage that mounts it reports the error.
void add_written_folders(const definition::Definition& definition, std::vector<SourceTree>& trees) {
  for (const auto& path : fstab::folders_written_by_overlays(definition)) {
    const base::UniqueFd folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (folder) trees.push_back({path, locks::tree_key(folder.get()), true});
  }
}

}  // namespace

std::vector<SourceTree> locked_trees(const definition::Definition& definition) {
  auto trees = source::source_trees(definition);
  if (definition.has_union() && definition.union_.backing == definition::UnionBacking::device) {
    const Disk disk{"union-device", definition.union_.device, true, 0, "", false};
    trees.push_back({disk.path, locks::device_key(open_disk(definition.name, disk, true).get()), true});
  }
  add_written_folders(definition, trees);
  source::order_for_locking(trees);
  return trees;
}

}  // namespace unionroot::session
