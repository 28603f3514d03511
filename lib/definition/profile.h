// A profile: the mounts inside a session, and the files and databases that it gets from the host.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace unionroot::definition {

struct FstabEntry {
  std::string source;
  std::string target;                // absolute, inside the session; checked, without ".."
  std::string type;                  // "none" for a bind
  std::vector<std::string> options;  // in order: "rw", "bind", "x-unionroot.optional" ...
  std::string file;                  // where it was read, for messages
  unsigned line = 0;
  bool operator==(const FstabEntry&) const = default;
};

// Larger files are not copied.
inline constexpr std::size_t largest_copied_file = std::size_t{16} << 20;

// One line of a profile's copyfiles: a file of the host, and its path in the session.
struct CopiedFile {
  std::string source;  // absolute, on the host
  std::string target;  // absolute, inside the session; checked, without ".."; default: source
  std::string file{};  // where it was read, for messages
  unsigned line = 0;
  bool operator==(const CopiedFile&) const = default;
};

struct Profile {
  std::vector<FstabEntry> fstab;
  std::vector<CopiedFile> copyfiles;
  std::vector<std::string> nssdatabases;  // passwd, group ...
  bool operator==(const Profile&) const = default;
};

}  // namespace unionroot::definition
