// Which tree this is: what stays the same over a reboot on the same disks, and differs for another tree in its place.
// Device numbers are no part of it: they change.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace unionroot::identity {

// What cannot be found out is empty. Values have no control characters.
struct TreeIdentity {
  std::string type;       // of the file system: "ext4"
  std::string uuid;       // of the file system; one of zeros is none
  std::string made;       // when mkfs made it, or what an image that is never written to has in it
  std::string partition;  // PARTUUID=; only where the file system has no UUID, and can be written to
  std::string handle;     // of the tree's root (name_to_handle_at(2)), where it outlives a reboot
  std::string source;     // where there is nothing of the above: what is mounted, if it is no device
  std::string path;       // the same: where in its file system

  // "key=value" lines.
  [[nodiscard]] std::string text() const;
  // For messages: "ext4, UUID=..., made 1764460800".
  [[nodiscard]] std::string described() const;
  bool operator==(const TreeIdentity&) const = default;
};

// Lines with other keys are passed over; nullopt if there is none of ours.
std::optional<TreeIdentity> parse_identity(std::string_view text);

enum class Comparison {
  same,
  different,
  unknown  // nothing that can be compared: neither the same nor another
};
Comparison compare(const TreeIdentity& one, const TreeIdentity& other);

// Of a mounted tree; the descriptor may be O_PATH. Never throws: what cannot be read is empty.
TreeIdentity identify(int tree);

}  // namespace unionroot::identity
