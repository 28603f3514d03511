// What is run for LVM and ZFS snapshots, as plain lists of words. Private to sources.
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

// The answer to what is there, from what the command wrote. Throws Error(failed) if that says neither.
struct OwnerAnswer {
  owned::Found found = owned::Found::nothing;
  std::string owner;  // for messages; empty: none is known
};

// Runs `make`. If it fails and what is called `name` is another's, throws Error(session_exists) that says whose. Sets
// data.untouched if it failed and nothing can have been made.
void make_snapshot(const std::function<void()>& make, const std::function<OwnerAnswer()>& owner,
                   const std::string& name, TreeData& data);
// Of a session that is recovered. Throws Error(stage_failed).
[[noreturn]] void throw_not_ours(const OwnerAnswer& answer, const std::string& name, const std::string& session);

// A volume or data set that has a session's mark.
struct MarkedThing {
  std::string name;  // GROUP/VOLUME, or the ZFS name
  owned::Token token;
  std::optional<std::uint64_t> bytes;
};
// For lists of all that there is, which may be long.
kernel::Command whole_list(Words words);

struct LvmSnapshot {
  std::string group, name, path;  // path: /dev/GROUP/NAME

  // Throws Error(invalid_argument) if the session's id cannot be the name of a logical volume, lvm(8).
  LvmSnapshot(const definition::LvmSnapshotSource& source, const owned::Token& session);

  [[nodiscard]] Words create(const definition::LvmSnapshotSource& source) const;
  [[nodiscard]] Words activate() const;
  [[nodiscard]] Words tags() const;
  [[nodiscard]] OwnerAnswer owner(const kernel::CommandResult& tags) const;
  [[nodiscard]] Words remove() const { return remove(concat_name()); }
  [[nodiscard]] static Words remove(const std::string& volume);  // GROUP/VOLUME
  // All volumes of the machine, and those of them that have a mark.
  [[nodiscard]] static Words list();
  [[nodiscard]] static std::vector<MarkedThing> marked(const std::string& listed);
  // Of a former version, whose tag was the same for all daemons.
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
  // All data sets and snapshots of the machine that have the property, and those whose mark can be read.
  [[nodiscard]] static Words list();
  [[nodiscard]] static std::vector<MarkedThing> marked(const std::string& listed);
  // Of a former version, whose property had the session's id alone.
  [[nodiscard]] static Words former_owner_of(const std::string& name);
  [[nodiscard]] Words mark(const std::string& name) const;

 private:
  owned::Token token_;
};

}  // namespace unionroot::session
