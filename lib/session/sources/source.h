// The kinds of source trees: what each does to yield directories on the host that sessions stand on.
#pragma once

#include <string>
#include <vector>

#include "definition/definition.h"
#include "session/stage.h"
#include "source/source_trees.h"

namespace unionroot::session {

using source::SourceTree;

// One per type of definition; without state of its own, so shared by all threads.
class SourceKind {
 public:
  virtual ~SourceKind() = default;

  // Makes the trees accessible and returns their directories on the host, top layer first: unpacks, attaches, takes a
  // snapshot, mounts. What tear_down and recover need goes into `data`.
  virtual std::vector<std::string> set_up(Operation& operation, TreeData& data) const = 0;

  // Idempotent; see Stage::tear_down.
  virtual void tear_down(Operation& operation, const TreeData& data, TearDown mode) const = 0;

  // What a source session has changed in its copy is not put into the source when it ends, until it is set up again; on
  // the disk when this returns. Only of kinds for which is_put_back() says that there is a copy.
  virtual void discard_changes(Operation&) const {}

  // Puts the token on what a session of a former version made, which wrote none. Not on what has a mark.
  virtual void mark_former(Operation&) const {}

  // After a restart of the daemon, when the session's namespace may live on.
  virtual Recovery recover(Operation& operation, const TreeData& data) const = 0;
};

// What to do where the source is another one than at the session's begin.
std::string back_or_accept(const Operation& operation);

// The kind for a definition's type. Throws Error(not_supported).
const SourceKind& source_kind(const definition::Definition& definition);

// All that a session on this definition locks, in the order of locking: the source's trees, the device of the upper
// layer if it has one, and the folders that overlays of the profile write to.
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
