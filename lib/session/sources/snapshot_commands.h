// The commands for LVM and ZFS snapshots, as plain lists of words. Private to sources.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "definition/definition.h"
#include "kernel/command.h"
#include "owned/folder.h"
#include "owned/token.h"
#include "session/stage_data.h"

namespace unionroot::session {

using Words = std::vector<std::string>;

// Whether a thing exists, and who owns it, by a command's output. The functions that return it throw Error(failed) if
// the output says neither.
struct OwnerAnswer {
  owned::Found found = owned::Found::nothing;
  std::string owner;  // for messages; empty: none is known
};

// Runs `make`. If it fails and `name` belongs to somebody else, throws Error(session_exists), which names the owner.
// Sets data.untouched if `make` failed and cannot have made anything.
void make_snapshot(const std::function<void()>& make, const std::function<OwnerAnswer()>& owner,
                   const std::string& name, TreeData& data);
// For a session that is recovered. Throws Error(stage_failed).
[[noreturn]] void throw_not_ours(const OwnerAnswer& answer, const std::string& name, const std::string& session);

// A volume or data set that has a session's mark.
struct MarkedThing {
  std::string name;  // GROUP/VOLUME, or the ZFS name
  owned::Token token;
  std::optional<std::uint64_t> bytes;
};
// A command that lists everything. Its output may be long, so 16 MiB are allowed.
kernel::Command whole_list(Words words);

struct LvmSnapshot {
  std::string group, name, path;  // path: /dev/GROUP/NAME

  // Throws Error(invalid_argument) if the session's id cannot be the name of a logical volume, see lvm(8). Throws
  // Error(definition_invalid) if the source is no logical volume.
  LvmSnapshot(const definition::LvmSnapshotSource& source, const owned::Token& session);

  [[nodiscard]] Words create(const definition::LvmSnapshotSource& source) const;
  [[nodiscard]] Words activate() const;
  [[nodiscard]] Words tags() const;
  [[nodiscard]] OwnerAnswer owner(const kernel::CommandResult& tags) const;
  [[nodiscard]] Words remove() const { return remove(concat_name()); }
  [[nodiscard]] static Words remove(const std::string& volume);  // GROUP/VOLUME
  // list(): all volumes of the machine. marked(): those of them that have a mark.
  [[nodiscard]] static Words list();
  [[nodiscard]] static std::vector<MarkedThing> marked(const std::string& listed);
  // Whether a former version made it. Its tag was the same for all daemons.
  [[nodiscard]] static bool is_former(const kernel::CommandResult& tags);
  [[nodiscard]] Words mark() const;

 private:
  [[nodiscard]] std::string concat_name() const { return group + '/' + name; }

  owned::Token token_;
};

struct ZfsSnapshot {
  std::string snapshot;  // POOL/DATA@unionroot-ID
  std::string clone;     // POOL/DATA/unionroot-ID

  ZfsSnapshot(const definition::ZfsSnapshotSource& source, const owned::Token& session);

  [[nodiscard]] Words make_snapshot() const;
  [[nodiscard]] Words make_clone(const definition::ZfsSnapshotSource& source) const;
  [[nodiscard]] static Words owner_of(const std::string& name);
  [[nodiscard]] OwnerAnswer owner(const kernel::CommandResult& result) const;
  [[nodiscard]] static Words destroy(const std::string& name);
  // list(): all data sets and snapshots of the machine that have the property. marked(): those whose mark can be read.
  [[nodiscard]] static Words list();
  [[nodiscard]] static std::vector<MarkedThing> marked(const std::string& listed);
  // For a former version, whose property had only the session's id.
  [[nodiscard]] static Words former_owner_of(const std::string& name);
  [[nodiscard]] Words mark(const std::string& name) const;

 private:
  owned::Token token_;
};

}  // namespace unionroot::session
