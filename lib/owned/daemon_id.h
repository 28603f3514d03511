// The id of a daemon: random, stored in the database and in <state>/id. It lasts as long as the state directory.
#pragma once

#include <optional>
#include <string>

#include "store/store.h"

namespace unionroot::owned {

// The content of <state>/id: the id, and the directory for which it was written.
struct IdFile {
  std::string id;
  std::string place;
  bool operator==(const IdFile&) const = default;
};
std::string to_text(const IdFile& file);
std::optional<IdFile> parse_id_file(const std::string& text);

// Returns the id that the database and <state>/id have in common, and writes it to both. If one is missing, it is taken
// from the other; if both are missing, a new one is made. Throws Error(failed) if they differ, or if the state
// directory is a copy of one that still has the id: two daemons with one id would take each other's snapshots and
// folders for their own.
std::string agree_daemon_id(const std::string& state_directory, store::Store& store);

}  // namespace unionroot::owned
