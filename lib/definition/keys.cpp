#include "definition/keys.h"

#include <algorithm>
#include <iterator>

namespace unionroot::definition {

namespace {

constexpr unsigned all = ~0u;

struct TypeWord {
  std::string_view word;
  unsigned bit;
};

constexpr TypeWord types[] = {
    {"plain", type_plain},
    {"directory", type_directory},
    {"file", type_file},
    {"image", type_image},
    {"loopback", type_loopback},
    {"block-device", type_block_device},
    {"btrfs-snapshot", type_btrfs_snapshot},
    {"lvm-snapshot", type_lvm_snapshot},
    {"zfs-snapshot", type_zfs_snapshot},
    {"layers", type_layers},
    {"oci", type_oci},
    {"custom", type_custom},
};

constexpr unsigned source_types = type_file | union_choice_types | snapshot_types;
constexpr unsigned mount_types = type_loopback | type_block_device | type_lvm_snapshot;

constexpr KnownKey keys[] = {
    {"type", all},
    {"description", all},
    {"profile", all},
    {"script-config", all},
    {"aliases", all},
    {"users", all},
    {"groups", all},
    {"root-users", all},
    {"root-groups", all},
    {"environment-filter", all},
    {"command-prefix", all},
    {"message-verbosity", all},
    {"preserve-environment", all},
    {"shell", all},
    {"personality", all},
    {"user-modifiable-keys", all},
    {"root-modifiable-keys", all},
    // Source trees.
    {"directory", type_plain | type_directory | type_oci},
    {"location", all & ~(type_layers | type_oci | type_custom)},
    {"file", type_file | type_image | type_loopback},
    {"partition", type_image},
    {"device", type_block_device | type_lvm_snapshot},
    {"mount-options", mount_types},
    {"lvm-snapshot-options", type_lvm_snapshot},
    {"btrfs-source-subvolume", type_btrfs_snapshot},
    {"btrfs-snapshot-directory", type_btrfs_snapshot},
    {"zfs-dataset", type_zfs_snapshot},
    {"zfs-snapshot-options", type_zfs_snapshot},
    {"lower-directories", type_layers},
    {"reference", type_oci},
    {"unpack-limit", type_file | type_oci},
    {"custom-session-cloneable", type_custom},
    {"custom-session-purgeable", type_custom},
    {"custom-source-cloneable", type_custom},
    {"source-clone", source_types},
    {"source-users", source_types},
    {"source-groups", source_types},
    {"source-root-users", source_types},
    {"source-root-groups", source_types},
    // The overlay.
    {"union-type", union_types},
    {"union-backing", union_types},
    {"union-size", union_types},
    {"union-filesystem", union_types},
    {"union-mount-options", union_types},
    {"union-device", union_types},
    {"union-device-options", union_types},
    {"union-reset", union_types},
    {"union-volatile", union_types},
    {"union-overlay-directory", union_types},
    {"union-underlay-directory", union_types},
    // Inside a session.
    {"host-view", all},
    {"host-view-access", all},
    {"dev", all},
    {"nss", all},
    {"no-new-privileges", all},
    {"resolv-conf", all},
    {"hostname", all},
    {"working-directory", all},
    {"network", all},
    {"cgroup", all},
    {"on-boot", all},
    {"on-shutdown", all},
    {"hook-directories", all & ~type_plain},
    {"hook-time-limit", all & ~type_plain},
    // Old keys of schroot, and keys of its session files.
    {"active", all, KeyKind::obsolete},
    {"priority", all, KeyKind::obsolete},
    {"run-setup-scripts", all, KeyKind::obsolete},
    {"run-session-scripts", all, KeyKind::obsolete},
    {"run-exec-scripts", all, KeyKind::obsolete},
    {"name", all, KeyKind::session_only},
    {"mount-location", all, KeyKind::session_only},
    {"original-name", all, KeyKind::session_only},
    {"selected-name", all, KeyKind::session_only},
    {"mount-device", all, KeyKind::session_only},
    {"file-repack", all, KeyKind::session_only},
    {"lvm-snapshot-device", all, KeyKind::session_only},
    {"lvm-snapshot-name", all, KeyKind::session_only},
    {"btrfs-snapshot-name", all, KeyKind::session_only},
    {"zfs-snapshot-name", all, KeyKind::session_only},
    {"zfs-clone-name", all, KeyKind::session_only},
};

}  // namespace

unsigned type_bit(std::string_view type) {
  const auto* const found =
      std::find_if(std::begin(types), std::end(types), [&](const TypeWord& known) { return known.word == type; });
  return found == std::end(types) ? 0 : found->bit;
}

std::vector<std::string> type_words() {
  std::vector<std::string> words;
  for (const auto& type : types) words.emplace_back(type.word);
  return words;
}

std::string_view usual_type(const KnownKey& key) {
  if ((key.types & type_directory) != 0) return "directory";
  const auto* const found = std::find_if(std::begin(types), std::end(types),
                                         [&](const TypeWord& known) { return (known.bit & key.types) != 0; });
  return found == std::end(types) ? std::string_view("directory") : found->word;
}

std::vector<std::string> types_with(const KnownKey& key) {
  std::vector<std::string> words;
  for (const auto& known : types)
    if ((known.bit & key.types) != 0) words.emplace_back(known.word);
  return words;
}

const KnownKey* find_key(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(keys), std::end(keys), [&](const KnownKey& known) { return known.name == name; });
  return found == std::end(keys) ? nullptr : found;
}

std::vector<std::string> key_words() {
  std::vector<std::string> words;
  for (const auto& key : keys)
    if (key.kind == KeyKind::normal) words.emplace_back(key.name);
  return words;
}

}  // namespace unionroot::definition
