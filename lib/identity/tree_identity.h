// Identifies a tree by what stays the same over a reboot on the same disks, and differs for another tree in its place.
// Device numbers are not used, because they change.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace unionroot::identity {

// Unknown fields are empty. Values have no control characters.
struct TreeIdentity {
  std::string type;       // of the file system: "ext4"
  std::string uuid;       // of the file system; empty if it is all zeros
  std::string made;       // the time of mkfs, or numbers in the superblock of a read-only image
  std::string partition;  // PARTUUID=; only if the file system can be written to and has no UUID
  std::string handle;     // of the tree's root (name_to_handle_at(2)), if it outlives a reboot
  std::string source;     // without a block device: the source of the mount, unless it is in /dev
  std::string path;       // also without a block device: the root of the mount in its file system

  // "key=value" lines.
  [[nodiscard]] std::string text() const;
  // For messages: "ext4, UUID=..., made 1764460800".
  [[nodiscard]] std::string described() const;
  bool operator==(const TreeIdentity&) const = default;
};

// Ignores lines with other keys. nullopt if no line has a known key.
std::optional<TreeIdentity> parse_identity(std::string_view text);

enum class Comparison {
  same,
  different,
  unknown  // nothing can be compared: neither the same nor different
};
Comparison compare(const TreeIdentity& one, const TreeIdentity& other);

// The identity of a mounted tree; the descriptor may be O_PATH. Never throws: what cannot be read is empty.
TreeIdentity identify(int tree);

}  // namespace unionroot::identity
