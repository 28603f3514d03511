// What an upper layer changes, as pieces that are applied to its lower layer: what is taken out of the tree, what is
// put into it, what is moved, and which folders stay. And what was changed in the tree since the layer was begun.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "layers/apply_plan.h"
#include "layers/beginning.h"
#include "layers/view.h"
#include "layers/walk.h"

namespace unionroot::layers {

// Paths are of the tree as it is shown now, `former` ones of the lower layer.
struct Addition {
  std::string path;
  Kind kind = Kind::added;
  bool is_folder = false;
  bool replaces = false;  // something is taken out at `former` for it
  std::string former;
  bool is_beginnings = false;  // whoever laid the overlay put it there
  Facts now;
};
struct Removal {
  std::string former;
  bool is_folder = false;
  std::optional<std::string> replaced_by;  // the path of the addition
  Facts before;
};
struct Move {
  std::string former, path;
  bool is_folder = false;
  Facts before;
};
struct KeptFolder {
  std::string path, former;
  unsigned differences = 0;
  bool is_beginnings = false;
  Facts before, now;
  bool by_entries = false;                                               // its time alone, for what came and went in it
  std::map<std::string, std::string> attributes_before, attributes_now;  // where more than the time differs
};

struct ApplyChanges {
  std::map<std::string, Addition> additions;   // by path
  std::map<std::string, Removal> removals;     // by former path
  std::map<std::string, Move> moves;           // by path
  std::map<std::string, KeptFolder> folders;   // by path
  std::map<std::string, std::string> present;  // of kept folders, by former path
  std::vector<Conflict> conflicts;             // sorted by path
};

// Throws Error(limit_exceeded) for more than 100 000 pieces, Error(cancelled).
ApplyChanges find_apply_changes(View& view, const Renames& renames, const ApplyBase& base,
                                const std::function<bool()>& stop);

}  // namespace unionroot::layers
