// The kinds of sources. Each provides the directories on the host that sessions use.
#pragma once

#include <string>
#include <vector>

#include "definition/definition.h"
#include "session/stage.h"
#include "source/source_trees.h"

namespace unionroot::session {

using source::SourceTree;

// There is one object for each kind. It has no state of its own, so all threads share it.
class SourceKind {
 public:
  virtual ~SourceKind() = default;

  // Makes the trees accessible: unpacks, attaches, takes a snapshot, mounts. Returns their directories on the host, top
  // layer first. Writes into `data` what tear_down and recover need. Throws Error.
  virtual std::vector<std::string> set_up(Operation& operation, TreeData& data) const = 0;

  // Idempotent; see Stage::tear_down.
  virtual void tear_down(Operation& operation, const TreeData& data, TearDown mode) const = 0;

  // Makes sure that a source session's changes are not put into the source at its end, unless it is set up again. On
  // the disk when this returns. Called only for kinds that have a copy, by is_put_back().
  virtual void discard_changes(Operation&) const {}

  // Puts the token on what a session of a former version made: that version wrote none. A thing that has a mark is left
  // alone.
  virtual void mark_former(Operation&) const {}

  // Called after a restart of the daemon, when the session's namespace may still exist.
  virtual Recovery recover(Operation& operation, const TreeData& data) const = 0;
};

// Tells the user what to do if the source is another one than at the session's begin.
std::string back_or_accept(const Operation& operation);

// The kind for a definition's type. Throws Error(not_supported).
const SourceKind& source_kind(const definition::Definition& definition);

// Everything that a session on this definition locks, in the order of locking: the source's trees, the device of the
// upper layer if it has one, and the folders that overlays of the profile write to.
std::vector<SourceTree> locked_trees(const definition::Definition& definition);

// The kinds. Each is in the file of its name.
const SourceKind& directory_source();  // plain, directory, layers
const SourceKind& tarball_source();    // file
const SourceKind& oci_source();        // oci
const SourceKind& mounted_source();    // image, loopback, block-device
const SourceKind& btrfs_snapshot_source();
const SourceKind& lvm_snapshot_source();
const SourceKind& zfs_snapshot_source();
const SourceKind& custom_source();

}  // namespace unionroot::session
