// What lies on the machine and belongs to no session, or to none any more. The daemon removes it on root's word alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace unionroot::session {

struct Leftover {
  enum class Kind { orphan, cache, volume, dataset, subvolume };
  Kind kind = Kind::orphan;
  std::string name;                    // the path; GROUP/VOLUME; the ZFS name. Two never have the same
  std::string session;                 // whose it was; empty: nobody's
  std::int64_t created = 0;            // of the session: microseconds since the epoch; 0: not known
  std::string origin;                  // cache: the file that it was made of
  std::optional<std::uint64_t> bytes;  // nullopt: not known
  bool at_least = false;               // there are more than `bytes`
};

// "orphan" and so on.
const char* to_string(Leftover::Kind kind);

struct Leftovers {
  std::vector<Leftover> found;        // in an order in which they can be removed
  std::vector<std::string> problems;  // what could not be looked at, for people
};

}  // namespace unionroot::session
