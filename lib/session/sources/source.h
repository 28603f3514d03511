// The kinds of source trees: what each does to yield directories on the host that sessions stand on.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "definition/definition.h"
#include "session/stage.h"

namespace unionroot::session {

struct SourceTree {
  std::string path;   // for people
  std::string key;    // locks::tree_key, file_key ...
  bool exclusive = false;  // the session writes to it: its lock is that of a change, whatever kind of session it is
};

// One per type of definition; without state of its own, so shared by all threads.
class SourceKind {
 public:
  virtual ~SourceKind() = default;

  // What is locked for a session on this definition. Changes nothing. Throws Error naming the chroot and what is missing.
  [[nodiscard]] virtual std::vector<SourceTree> trees(const definition::Definition& definition) const = 0;

  // Makes the trees accessible and returns their directories on the host, top layer first: unpacks, attaches, takes a
  // snapshot, mounts. What tear_down and recover need goes into `data`.
  virtual std::vector<std::string> set_up(SessionContext& context, StageData& data) const = 0;

  // Idempotent; see Stage::tear_down.
  virtual void tear_down(SessionContext& context, const StageData& data, TearDown mode) const = 0;

  // After a restart of the daemon, when the session's namespace may live on.
  virtual Recovery recover(SessionContext& context, const StageData& data) const = 0;
};

// The kind for a definition's type. Throws Error(not_supported).
const SourceKind& source_kind(const definition::Definition& definition);

// source_kind(definition).trees(definition), the device of the upper layer if it has one, and the folders that overlays of
// the profile write to, in the order of their keys
// and each once, so that two sessions that lock several never wait for each other.
std::vector<SourceTree> source_trees(const definition::Definition& definition);

// The kinds. Each is in the file of its name.
const SourceKind& directory_source();   // plain, directory, layers
const SourceKind& tarball_source();     // file
const SourceKind& oci_source();         // oci
const SourceKind& mounted_source();     // image, loopback, block-device
const SourceKind& btrfs_snapshot_source();
const SourceKind& lvm_snapshot_source();
const SourceKind& zfs_snapshot_source();
const SourceKind& custom_source();

// For other kinds: an O_PATH descriptor of a directory that a definition names. Throws Error(stage_failed) if it is not
// there or not a directory.
base::UniqueFd open_source_directory(const std::string& chroot, const std::string& path);

}  // namespace unionroot::session
