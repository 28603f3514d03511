// /proc/PID/mountinfo, parsed. Reading the file costs 10 us a mount in the namespace, so it is for start-up and
// recovery alone.
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

// Of this process's mount namespace. Throws SystemError too.
std::vector<MountEntry> read_mountinfo();

// The number of the mount that the descriptor is on. what: for messages. Throws SystemError.
std::uint64_t mount_id(int descriptor, const std::string& what);
// The same; nullopt if the kernel does not tell. Asks no file system: one in user space need not answer, or refuses.
std::optional<std::uint64_t> try_mount_id(int descriptor);

// The mount that the descriptor is on; nullopt if this process's namespace does not have it, or the kernel does not
// tell.
std::optional<MountEntry> mount_of(int descriptor);

// \040 -> ' ', and so on; a backslash that no three octal digits follow stays.
std::string unescape_octal(std::string_view text);

}  // namespace unionroot::kernel
