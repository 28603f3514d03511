// Mount options as a definition gives them: mount-options and union-device-options.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace unionroot::definition {

struct MountWords {
  std::string type;  // of "-t TYPE"; empty: found out
  bool read_only = false;
  std::uint64_t attributes = 0;                              // MOUNT_ATTR_* to set on the mount
  std::vector<std::pair<std::string, std::string>> options;  // for the file system; "" for a flag
};

// "noatime,commit=30" or, as schroot has it, words of mount(8): "-o noatime,commit=30 -t ext4". No quoting. Returns
// what is wrong, empty if nothing is; `words` is then filled in.
std::string parse_mount_words(const std::string& text, MountWords& words);

}  // namespace unionroot::definition
