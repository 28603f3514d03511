// A profile: what is mounted inside a session, and which files and databases come from the host.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace unionroot::definition {

// One line of a profile's fstab.
struct FstabEntry {
  std::string source;
  std::string target;                // absolute, as seen inside the session; no "..", checked
  std::string type;                  // "none" for a bind
  std::vector<std::string> options;  // in order: "rw", "bind", "x-unionroot.optional" ...
  std::string file;                  // where it was read, for messages
  unsigned line = 0;
  bool operator==(const FstabEntry&) const = default;
};

// Larger ones are not copied.
inline constexpr std::size_t largest_copied_file = std::size_t{16} << 20;

// One line of a profile's copyfiles: a file of the host, and where it is copied to.
struct CopiedFile {
  std::string source;  // absolute, on the host
  std::string target;  // absolute, as seen inside the session; no "..", checked. The same path unless the line has two
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
