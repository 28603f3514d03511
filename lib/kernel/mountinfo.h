// /proc/PID/mountinfo, parsed. Pure. Reading the file costs 10 us a mount in the namespace, so it is for start-up and
// recovery alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace unionroot::kernel {

struct MountEntry {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;
  std::string device;                    // "254:0"
  std::string root;                      // of the mount within its file system
  std::string target;                    // mount point, relative to the reader's root
  std::string options;                   // of the mount
  std::vector<std::string> propagation;  // "shared:1", "master:2" ...
  std::string type;
  std::string source;
  std::string super_options;
  bool operator==(const MountEntry&) const = default;
};

// Octal escapes (\040) are resolved, except in the options. Throws Error(failed) naming the line that is not as
// proc(5) says.
std::vector<MountEntry> parse_mountinfo(std::string_view text);

// \040 -> ' ', and so on; a backslash that no three octal digits follow stays.
std::string unescape_octal(std::string_view text);

}  // namespace unionroot::kernel
