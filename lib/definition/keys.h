// All keys of definitions, and the types of chroot that they apply to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unionroot::definition {

enum TypeBit : unsigned {
  type_plain = 1u << 0,
  type_directory = 1u << 1,
  type_file = 1u << 2,
  type_image = 1u << 3,
  type_loopback = 1u << 4,
  type_block_device = 1u << 5,
  type_btrfs_snapshot = 1u << 6,
  type_lvm_snapshot = 1u << 7,
  type_zfs_snapshot = 1u << 8,
  type_layers = 1u << 9,
  type_oci = 1u << 10,
  type_custom = 1u << 11,
};

inline constexpr unsigned snapshot_types = type_btrfs_snapshot | type_lvm_snapshot | type_zfs_snapshot;
// Types with an optional overlay.
inline constexpr unsigned union_choice_types =
    type_directory | type_image | type_loopback | type_block_device | type_custom;
// Types that always have an overlay, because all sessions share the unpacked tree or the layers.
inline constexpr unsigned always_union_types = type_file | type_layers | type_oci;
inline constexpr unsigned union_types = union_choice_types | always_union_types;

enum class KeyKind {
  normal,
  obsolete,      // schroot accepts it with a warning, and so does unionroot
  session_only,  // schroot writes it into the files of sessions; it has no effect in a definition
};

struct KnownKey {
  std::string_view name;
  unsigned types;
  KeyKind kind = KeyKind::normal;
};

// Returns 0 for an unknown word.
unsigned type_bit(std::string_view type);
std::vector<std::string> type_words();
// A typical type that has the key: directory if possible.
std::string_view usual_type(const KnownKey& key);
std::vector<std::string> types_with(const KnownKey& key);

// Returns nullptr if there is no such key.
const KnownKey* find_key(std::string_view name);
std::vector<std::string> key_words();

}  // namespace unionroot::definition
