// Parses /proc/PID/mountinfo. Reading the file costs about 10 us for each mount in the namespace, so it must not be
// done often.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unionroot::kernel {

struct MountEntry {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;
  std::string device;                    // "254:0"
  std::string root;                      // the root of the mount within its file system
  std::string target;                    // mount point, relative to the reader's root
  std::string options;                   // mount options
  std::vector<std::string> propagation;  // "shared:1", "master:2" ...
  std::string type;
  std::string source;
  std::string super_options;
  bool operator==(const MountEntry&) const = default;
};

// Decodes octal escapes (\040), except in the options. Throws Error(failed) with the line that does not match proc(5).
std::vector<MountEntry> parse_mountinfo(std::string_view text);

// The mounts of this process's mount namespace. Throws SystemError too.
std::vector<MountEntry> read_mountinfo();

// The id of the mount that the descriptor is on. `what`: for messages. Throws SystemError.
std::uint64_t mount_id(int descriptor, const std::string& what);
// The same; nullopt if the kernel does not tell. The file system is not asked: FUSE may not answer or may refuse.
std::optional<std::uint64_t> try_mount_id(int descriptor);

// The mount that the descriptor is on; nullopt if it is not in this process's namespace, or if the kernel does not
// tell.
std::optional<MountEntry> mount_of(int descriptor);

// Decodes \040 to ' ', and so on. A backslash without three octal digits stays.
std::string unescape_octal(std::string_view text);

}  // namespace unionroot::kernel
