// Identifies the file at a path, and its content, without reading it.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

namespace unionroot::base {

struct FileVersion {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified = 0, changed = 0;  // nanoseconds since the epoch
  bool operator==(const FileVersion&) const = default;
};

FileVersion version_of(const struct stat& status);

// False if the file changed less than 100 ms ago: then it may change again without a new time stamp.
bool is_settled(const FileVersion& version);

// Equal versions have equal texts; different versions have different texts.
std::string text_of(const FileVersion& version);

}  // namespace unionroot::base
