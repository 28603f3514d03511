// The steps that reset an upper layer, so that the tree again shows what the lower layers show, wholly or in part. A
// plan is made while nobody changes the layers, and is carried out while no overlay is mounted on them. In between it
// is stored as text. If it was carried out in part, it is carried out again from the start.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "layers/beginning.h"
#include "layers/changes.h"

namespace unionroot::layers {

struct ResetWish {
  std::vector<std::string> paths;  // relative to the root; empty: the whole tree
  // Patterns of glob(7). A pattern with a slash matches whole paths. Others match names in any folder. Everything
  // beneath a kept folder is kept too. A deleted folder comes back with all its entries, whatever their names are.
  std::vector<std::string> keep;
};

struct ResetStep {
  enum class Kind : char {
    remove = 'r',   // remove it from the upper layer, with all that is beneath it
    restore = 's',  // a folder that stays: restore its owner, mode, time and attributes
    time = 't',     // a folder above something removed: restore its time
    strange = 'o',  // a file that stays and was copied up from another file: remove the origin attribute named in
                    // `attributes`
    again = 'a',    // an entry of the record of the beginning that changes: the caller writes it again
  };
  Kind kind = Kind::remove;
  std::string path;
  Facts facts;                                    // restore: mode, owner, time; time: the time
  bool has_attributes = false;                    // restore: `attributes` is complete, except for overlayfs's own
  std::map<std::string, std::string> attributes;  // by name
};

using ResetPlan = std::vector<ResetStep>;

// Empty: nothing needs to be done. Throws Error(invalid_argument) for a path that does not exist, and if the tree could
// not become what was asked for: a path is one half of a rename, or lies in a folder that is not the tree's. Throws
// Error(cancelled) once `stop` returns true, Error(not_supported), Error(limit_exceeded), SystemError.
ResetPlan plan_reset(const Layers& layers, const Beginning& beginning, const ResetWish& wish,
                     const std::function<bool()>& stop = {});

std::string as_text(const ResetPlan& plan);
ResetPlan reset_plan_of(std::string_view text);  // throws Error(failed) if it is malformed

// upper: its root, on a writable mount. Throws SystemError.
void carry_out(const ResetPlan& plan, int upper, const Options& options);

}  // namespace unionroot::layers
