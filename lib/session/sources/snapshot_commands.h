// What is run for LVM and ZFS snapshots, as plain lists of words. Private to sources.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "definition/definition.h"

namespace unionroot::session {

using Words = std::vector<std::string>;

struct LvmSnapshot {
  std::string group, name, path;  // path: /dev/GROUP/NAME

  // Throws Error(invalid_argument) if the session's id cannot be the name of a logical volume, lvm(8).
  LvmSnapshot(const definition::LvmSnapshotSource& source, const std::string& session);

  // The tag says whose it is: only what has it is ever removed.
  static constexpr const char* tag = "unionroot.session";
  [[nodiscard]] Words create(const definition::LvmSnapshotSource& source) const;
  [[nodiscard]] Words activate() const;
  [[nodiscard]] Words tags() const;
  [[nodiscard]] Words remove() const;
};

struct ZfsSnapshot {
  std::string snapshot;  // POOL/DATA@unionroot-ID
  std::string clone;     // POOL/DATA/unionroot-ID

  ZfsSnapshot(const definition::ZfsSnapshotSource& source, const std::string& session);

  // The property says whose it is.
  static constexpr const char* property = "unionroot:session";
  [[nodiscard]] Words make_snapshot(const std::string& session) const;
  [[nodiscard]] Words make_clone(const definition::ZfsSnapshotSource& source, const std::string& session) const;
  [[nodiscard]] static Words owner(const std::string& name);
  [[nodiscard]] static Words destroy(const std::string& name);
};

}  // namespace unionroot::session
