// Every key that a definition may have, and the types of chroot for which it means something.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unionroot::definition {

// One bit per type of chroot.
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
// An overlay over a tree that schroot knows how to union.
inline constexpr unsigned union_choice_types =
    type_directory | type_image | type_loopback | type_block_device | type_custom;
// These are always overlays: the unpacked tree, or the stack of layers, is shared by all sessions.
inline constexpr unsigned always_union_types = type_file | type_layers | type_oci;
inline constexpr unsigned union_types = union_choice_types | always_union_types;

enum class KeyKind {
  normal,
  obsolete,      // schroot accepts it with a warning, and so do we
  session_only,  // schroot writes it into a session's own configuration; means nothing in a definition
};

struct KnownKey {
  std::string_view name;
  unsigned types;
  KeyKind kind = KeyKind::normal;
};

// 0 for a word that is no type.
unsigned type_bit(std::string_view type);
std::vector<std::string> type_words();
// Of the types that have a key, the usual one: directory if it is among them.
std::string_view usual_type(const KnownKey& key);
std::vector<std::string> types_with(const KnownKey& key);

// nullptr if there is no such key.
const KnownKey* find_key(std::string_view name);
std::vector<std::string> key_words();

}  // namespace unionroot::definition
