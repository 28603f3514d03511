// The id of a daemon: random, kept in the database and in <state>/id. It stays as long as the state directory does.
#pragma once

#include <optional>
#include <string>

#include "store/store.h"

namespace unionroot::owned {

// What <state>/id says: the id, and the directory for which it was written.
struct IdFile {
  std::string id;
  std::string place;
  bool operator==(const IdFile&) const = default;
};
std::string to_text(const IdFile& file);
std::optional<IdFile> parse_id_file(const std::string& text);

// The id on which the two agree, written to both. One that is missing is taken from the other; where both are missing a
// new one is made. Throws Error(failed) if they differ, or if the state directory is a copy of one that still has the
// id: two daemons with one id would take each other's things for their own.
std::string agree_daemon_id(const std::string& state_directory, store::Store& store);

}  // namespace unionroot::owned
