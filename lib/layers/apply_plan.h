// What has to be done to a tree so that it has, in part or as a whole, what an upper layer on it shows. A plan is made
// and checked as a whole before anything is written (docs/layers.md).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "layers/beginning.h"
#include "layers/changes.h"

namespace unionroot::layers {

struct ApplyWish {
  std::vector<std::string> paths;    // relative to the root; none: all
  bool exact = false;                // these alone, and not what is beneath them
  std::vector<std::string> exclude;  // patterns, see selection.h
  // Of conflicts at these paths and beneath them: the tree keeps what it has; it gets what the layer has.
  std::vector<std::string> ours, theirs;
};

// What is known of the lower layer as it was when the upper one was begun. There is no copy of it.
struct ApplyBase {
  const Beginning& beginning;      // what the upper layer held then
  std::int64_t begun_seconds = 0;  // when that was; what changed in the tree since then, less 10 ms, is a change there
  std::int64_t begun_nanoseconds = 0;
  const Beginning& written;  // what was written into the tree for this very layer: as beginning_entry() has it
};

struct Conflict {
  enum class Case { changed_on_both, gone_there, changed_there, added_on_both };
  std::string path;
  Case what = Case::changed_on_both;
  bool operator==(const Conflict&) const = default;
};
std::string_view describe(Conflict::Case what);

struct ApplyStep {
  enum class Kind : char {
    detach = 'd',  // what is at `former` in the tree goes to the undo layer, as old/NUMBER
    fresh = 'n',   // new/NUMBER gets to `path`
    moved = 'm',   // old/NUMBER gets to `path`
    folder = 'f',  // a folder that is at `path` then, and is at `former` now: its properties
  };
  Kind kind = Kind::detach;
  std::string path, former;
  std::size_t number = 0;
  bool has_before = false, has_now = false;  // folder: it is there before, and afterwards
  bool whole = false;                        // folder: owner, mode and attributes too, not its time alone
  Facts before, now;                         // detach: `before`, with inode and ctime
  std::map<std::string, std::string> attributes_before, attributes_now;
};

struct ApplyPlan {
  std::vector<ApplyStep> steps;  // in this order: detach, fresh and moved, folder
  struct Line {
    Kind kind = Kind::added;
    std::string path, former;
  };
  std::vector<Line> lines;          // what is applied, sorted by path, for people
  std::vector<Conflict> conflicts;  // of what was wished for, that neither `ours` nor `theirs` decides
  // Paths that are to leave the upper layer afterwards, with all that is beneath them: the tree has it. "": all. What
  // else was applied may stay: it is no change any more.
  std::vector<std::string> leaving;
  [[nodiscard]] bool empty() const { return lines.empty(); }
};

// layers: with one lower layer, the tree. Throws Error(invalid_argument) for a path that was not changed, and if the
// tree could not become what was asked for: one half of a rename; Error(not_supported), Error(limit_exceeded),
// Error(cancelled), SystemError.
ApplyPlan plan_apply(const Layers& layers, const ApplyBase& base, const ApplyWish& wish,
                     const std::function<bool()>& stop = {});

std::string as_text(const std::vector<ApplyStep>& steps);
std::vector<ApplyStep> apply_steps_of(std::string_view text);  // throws Error(failed) if it is none

}  // namespace unionroot::layers
