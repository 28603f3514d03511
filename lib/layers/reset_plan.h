// What has to be done to an upper layer so that the tree is again, in part or as a whole, what the lower layers show.
// A plan is made while nobody changes the layers, and is carried out while no overlay is mounted on them. Between the
// two it is kept as text: whoever carried out a part of it carries it out again, from the start.
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
  std::vector<std::string> paths;  // relative to the root; none: all
  // Patterns of glob(7). One with a slash is one of whole paths, others are of names in any folder. What is beneath a
  // folder that is kept is kept too. What was in a folder that is deleted comes back with it, whatever its name is.
  std::vector<std::string> keep;
};

struct ResetStep {
  enum class Kind : char {
    remove = 'r',   // from the upper layer, with all that is beneath it
    restore = 's',  // a folder that stays: its owner, mode, time and attributes
    time = 't',     // a folder above what is removed: its time
    strange = 'o',  // a file that stays, and was copied up from elsewhere: `attributes` says so, which go
    again = 'a',    // the record of the beginning has it, and it is another now: for whoever wrote it
  };
  Kind kind = Kind::remove;
  std::string path;
  Facts facts;                                    // restore: mode, owner, time; time: that
  bool has_attributes = false;                    // restore: these are all, but for overlayfs's own
  std::map<std::string, std::string> attributes;  // by name
};

using ResetPlan = std::vector<ResetStep>;

// Empty: there is nothing to do. Throws Error(invalid_argument) for a path that nothing is at, and if the tree could
// not become what was asked for: a path is one half of a rename, or in a folder that is not the tree's;
// Error(cancelled) once `stop` says so.
ResetPlan plan_reset(const Layers& layers, const Beginning& beginning, const ResetWish& wish,
                     const std::function<bool()>& stop = {});

std::string as_text(const ResetPlan& plan);
ResetPlan reset_plan_of(std::string_view text);  // throws Error(failed) if it is none

// upper: its root, on a mount that can be written to. Throws SystemError.
void carry_out(const ResetPlan& plan, int upper, const Options& options);

}  // namespace unionroot::layers
