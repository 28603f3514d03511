// A profile: what is mounted inside a session, and which files and databases come from the host.
#pragma once

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

struct Profile {
  std::vector<FstabEntry> fstab;
  std::vector<std::string> copyfiles;     // absolute paths on the host, copied to the same path inside
  std::vector<std::string> nssdatabases;  // passwd, group ...
  bool operator==(const Profile&) const = default;
};

}  // namespace unionroot::definition
