// What each stage keeps for its tear-down and its recovery. journal.h writes it down.
#pragma once

#include <string>
#include <variant>

namespace unionroot::session {

// Of the stage provide-tree, by kind of source.
struct TreeData {
  std::string mount;       // mounted: the name among the source mounts
  std::string content;     // mounted: which file system it is
  std::string trees;       // directory, layers: which trees they are (directory_identity.h)
  std::string cache_keys;  // tarball, oci: the entries of the cache, top first, separated by blanks
  bool untouched = false;  // lvm, zfs: nothing was made
  bool never_ran = false;  // custom: no hook was run
};

struct UnionData {
  std::string backing;      // the name of the backing
  std::string files_layer;  // the name of the shared layer with the host's files
  bool untouched = false;   // device: nothing of the session's is on it
};

struct HooksData {
  bool never_ran = false;  // no hook was run
};

using StageData = std::variant<std::monostate, TreeData, UnionData, HooksData>;

// The daemon may have died before a stage left anything: then the stage gets its struct with nothing in it.
template <typename Data>
const Data& stage_data(const StageData& data) {
  static const Data nothing;
  const auto* const found = std::get_if<Data>(&data);
  return found != nullptr ? *found : nothing;
}

}  // namespace unionroot::session
