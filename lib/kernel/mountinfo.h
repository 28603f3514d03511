// Mounts, and the parser of /proc/PID/mountinfo. Reading the whole file costs about 10 us for each mount in the
// namespace, so it must not be done often. mount_list.h is faster where the kernel allows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unionroot::kernel {

struct Mount {
  std::uint64_t id = 0;  // as statx(2) gives it with STATX_MNT_ID; the kernel uses it again for later mounts
  std::uint64_t parent = 0;
  std::string device;  // "254:0"
  std::string root;    // the root of the mount within its file system
  std::string target;  // mount point, relative to the reader's root
  std::string type;
  std::string source;
  bool operator==(const Mount&) const = default;
};

struct MountEntry : Mount {
  std::string options;                   // mount options
  std::vector<std::string> propagation;  // "shared:1", "master:2" ...
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

// The line of the mount with this id in the calling thread's namespace; nullopt if there is none. Reads no further than
// that line. Mounts that are older than sessions come first, so this takes the same time with many sessions.
// Throws SystemError.
std::optional<MountEntry> read_mount(std::uint64_t id);

// Decodes \040 to ' ', and so on. A backslash without three octal digits stays.
std::string unescape_octal(std::string_view text);

}  // namespace unionroot::kernel
