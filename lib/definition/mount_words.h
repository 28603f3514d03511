// Parses the mount options of a definition: mount-options and union-device-options.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace unionroot::definition {

struct MountWords {
  std::string type;  // from "-t TYPE"; empty: detected at the mount
  bool read_only = false;
  std::uint64_t attributes = 0;                              // MOUNT_ATTR_* to set on the mount
  std::vector<std::pair<std::string, std::string>> options;  // for the file system; the value is "" for a flag
};

// Parses "noatime,commit=30" or, as in schroot, words of mount(8): "-o noatime,commit=30 -t ext4". There is no quoting.
// Fills in `words` and returns an empty text, or returns what is wrong.
std::string parse_mount_words(const std::string& text, MountWords& words);

}  // namespace unionroot::definition
