// Things on the machine that belong to no session any more. The daemon removes them only at root's request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace unionroot::session {

struct Leftover {
  enum class Kind { orphan, cache, volume, dataset, subvolume };
  Kind kind = Kind::orphan;
  std::string name;                    // the path; GROUP/VOLUME; the ZFS name; unique
  std::string session;                 // the session that it belonged to; empty: none
  std::int64_t created = 0;            // of the session: microseconds since the epoch; 0: unknown
  std::string origin;                  // cache: the file that it was made from
  std::optional<std::uint64_t> bytes;  // nullopt: unknown
  bool at_least = false;               // the true size may exceed `bytes`
};

const char* to_string(Leftover::Kind kind);

struct Leftovers {
  std::vector<Leftover> found;        // in an order that allows their removal
  std::vector<std::string> problems;  // failed searches, for people
};

}  // namespace unionroot::session
