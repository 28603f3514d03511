// The option words of mount(8) that change attributes of a mount.
#pragma once

#include <sys/mount.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace unionroot::base {

struct AttributeWord {
  std::string_view word;
  std::uint64_t set, cleared;  // MOUNT_ATTR_*

  [[nodiscard]] std::uint64_t applied_to(std::uint64_t attributes) const { return (attributes & ~cleared) | set; }
};

// Words that every option list may contain. ro and rw are not here, because they also apply to the file system.
inline constexpr AttributeWord attribute_words[] = {
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"atime", 0, MOUNT_ATTR__ATIME},
    {"relatime", 0, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
};

// Returns nullptr if `word` is not in `words`.
template <std::size_t Count>
const AttributeWord* find_attribute(const AttributeWord (&words)[Count], std::string_view word) {
  const auto* const found =
      std::find_if(std::begin(words), std::end(words), [&](const AttributeWord& known) { return known.word == word; });
  return found == std::end(words) ? nullptr : found;
}

}  // namespace unionroot::base
