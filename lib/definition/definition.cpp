#include "definition/definition.h"

#include <type_traits>

namespace unionroot::definition {

const char* const default_environment_filter =
    "^(BASH_ENV|CDPATH|ENV|HOSTALIASES|IFS|KRB5_CONFIG|KRBCONFDIR|KRBTKFILE|KRB_CONF|LD_.*|LOCALDOMAIN|NLSPATH|"
    "PATH_LOCALE|RES_OPTIONS|TERMINFO|TERMINFO_DIRS|TERMPATH)$";

bool Definition::is_plain() const {
  const auto* const directory = std::get_if<DirectorySource>(&source);
  return directory != nullptr && directory->plain;
}

bool Definition::clonable() const {
  if (is_source) return false;
  if (has_union()) return true;
  return std::visit(
      [](const auto& kind) {
        using Kind = std::decay_t<decltype(kind)>;
        if constexpr (std::is_same_v<Kind, CustomSource>) return kind.session_cloneable;
        return std::is_same_v<Kind, FileSource> || std::is_same_v<Kind, BtrfsSnapshotSource> ||
               std::is_same_v<Kind, LvmSnapshotSource> || std::is_same_v<Kind, ZfsSnapshotSource>;
      },
      source);
}

bool Definition::purgeable() const {
  if (is_source) return false;
  if (has_union()) return true;
  if (const auto* custom = std::get_if<CustomSource>(&source)) return custom->session_purgeable;
  return clonable();
}

Definition source_variant(const Definition& definition) {
  if (definition.is_source) return definition;
  Definition result = definition;
  result.is_source = true;
  result.access = definition.source_access;
  result.source_access = {};
  result.source_clone = false;
  result.union_ = {};
  if (const auto* btrfs = std::get_if<BtrfsSnapshotSource>(&definition.source)) {
    result.type = "directory";
    result.source = DirectorySource{btrfs->source_subvolume + btrfs->location, false};
  } else if (const auto* lvm = std::get_if<LvmSnapshotSource>(&definition.source)) {
    result.type = "block-device";
    result.source = BlockDeviceSource{lvm->device, lvm->mount_options, lvm->location};
  }
  return result;
}

}  // namespace unionroot::definition
