// The data that each stage keeps for its tear-down and its recovery. journal.h converts it for the store.
#pragma once

#include <string>
#include <variant>

namespace unionroot::session {

// Data of the stage provide-tree. Each member has the kind of source that uses it.
struct TreeData {
  std::string mount;       // mounted: its name among the source mounts
  std::string content;     // mounted: the identity of the file system
  std::string trees;       // directory, layers: the identity of the trees (directory_identity.h)
  std::string cache_keys;  // tarball, oci: the cache entries, top first, separated by blanks
  bool untouched = false;  // lvm, zfs: nothing was made
  bool never_ran = false;  // custom: no hook was run
};

struct UnionData {
  std::string backing;      // the name of the backing
  std::string files_layer;  // the name of the shared layer with the host's files
  bool untouched = false;   // device: the session has nothing on it
};

struct HooksData {
  bool never_ran = false;  // no hook was run
};

using StageData = std::variant<std::monostate, TreeData, UnionData, HooksData>;

// If the daemon died before the stage left data, this returns an empty struct.
template <typename Data>
const Data& stage_data(const StageData& data) {
  static const Data nothing;
  const auto* const found = std::get_if<Data>(&data);
  return found != nullptr ? *found : nothing;
}

}  // namespace unionroot::session
