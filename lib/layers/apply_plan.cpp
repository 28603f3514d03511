#include "layers/apply_plan.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "layers/apply_changes.h"
#include "layers/renames.h"
#include "layers/selection.h"

namespace unionroot::layers {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

using StepKind = ApplyStep::Kind;

std::string shown(const std::string& path) { return concat("/", base::printable(path)); }

[[noreturn]] void refuse(std::string why, std::string hint) {
  throw Error(ErrorCode::invalid_argument, std::move(why), std::move(hint));
}

std::string above(const std::string& path) { return std::string(base::parent_path(path)); }

bool is_beneath_any(const std::string& path, const std::vector<std::string>& folders) {
  return std::any_of(folders.begin(), folders.end(),
                     [&](const std::string& folder) { return folder.empty() || base::is_or_is_beneath(path, folder); });
}

// Whether the sorted set has something beneath the folder.
bool has_beneath(const std::set<std::string>& paths, const std::string& folder) {
  const auto start = folder + "/";
  const auto found = paths.lower_bound(start);
  return found != paths.end() && found->starts_with(start);
}

class Planner {
 public:
  // changes: of which those are planned that were wished for and are not `omitted`.
  Planner(const ApplyChanges& changes, const ApplyWish& wish, const std::vector<std::string>& omitted)
      : changes_(changes),
        wish_(wish),
        omitted_(omitted),
        selection_(wish.exact ? std::vector<std::string>() : wish.paths, wish.exclude),
        exact_(wish.paths.begin(), wish.paths.end()) {}

  ApplyPlan make() {
    require_whole_renames();
    choose_additions();
    choose_removals();
    plan_detaching();
    plan_attaching();
    plan_folders();
    tell_lines();
    plan_leaving();
    return std::move(plan_);
  }

  [[nodiscard]] bool is_chosen(const std::string& path) const {
    return selection_.contains(path) && (!wish_.exact || exact_.contains(path)) && !is_beneath_any(path, omitted_);
  }

 private:
  void require_whole_renames() const {
    const auto require = [&](const std::string& former, const std::string& path) {
      if (is_chosen(former) == is_chosen(path)) return;
      refuse(concat(shown(former), " was renamed to ", shown(path), ": only one of both was named"),
             concat("name both, or neither: ", shown(former), " ", shown(path)));
    };
    for (const auto& [path, move] : changes_.moves) require(move.former, path);
    for (const auto& [path, addition] : changes_.additions)
      if (addition.kind == Kind::renamed) require(addition.former, path);
  }

  // The folder whose rename brought the path to where it is; nullptr: none did.
  [[nodiscard]] const Move* moved_above(std::string path) const {
    for (; !path.empty(); path = above(path))
      if (const auto found = changes_.moves.find(path); found != changes_.moves.end()) return &found->second;
    return nullptr;
  }

  void require_moved(const std::string& path) const {
    const auto* const move = moved_above(path);
    if (move == nullptr || is_chosen(move->path)) return;
    refuse(concat(shown(path), " is in ", shown(move->path), ", which was ", shown(move->former),
                  " and would not be renamed"),
           concat("name both of these too: ", shown(move->former), " ", shown(move->path)));
  }

  void choose_additions() {
    for (const auto& [path, addition] : changes_.additions)
      if (!addition.is_beginnings && is_chosen(path)) choose(path);
    for (const auto& [path, move] : changes_.moves) {
      if (!is_chosen(path)) continue;
      if (changes_.additions.contains(above(path)) && !(is_plain() && is_chosen(above(path))))
        refuse(concat(shown(move.former), " was renamed to ", shown(path), ", which is in a new folder"),
               concat("apply the whole of ", shown(above(path)), ", or leave the rename out"));
      if (move.is_folder) require_whole(move);
      require_folders(above(path));
      require_moved(above(path));
    }
  }

  // Nothing is left out of what was named.
  [[nodiscard]] bool is_plain() const { return !wish_.exact && !selection_.has_exceptions() && omitted_.empty(); }

  // What would stay a change of the session's in a folder that was renamed would look for it at its former path.
  void require_whole(const Move& move) const {
    const auto require = [&](const std::string& path) {
      if (is_chosen(path)) return;
      refuse(concat("the folder ", shown(move.former), " was renamed to ", shown(move.path), ", without ", shown(path)),
             concat("apply the whole of ", shown(move.path), ", or leave the rename out"));
    };
    for_beneath(changes_.additions, move.path, [&](const Addition& addition) { require(addition.path); });
    for_beneath(changes_.removals, move.former, [&](const Removal& removal) { require(removal.former); });
    for_beneath(changes_.folders, move.path, [&](const KeptFolder& folder) {
      if (folder.differences != 0) require(folder.path);
    });
  }

  template <typename Item, typename Visit>
  static void for_beneath(const std::map<std::string, Item>& items, const std::string& folder, Visit visit) {
    const auto start = folder + "/";
    for (auto next = items.lower_bound(start); next != items.end() && next->first.starts_with(start); ++next)
      visit(next->second);
  }

  void choose(const std::string& path) {
    if (!chosen_.insert(path).second) return;
    require_moved(above(path));
    require_folders(above(path));
  }

  // New folders that it is in come with it.
  void require_folders(std::string folder) {
    for (; !folder.empty(); folder = above(folder)) {
      const auto found = changes_.additions.find(folder);
      if (found == changes_.additions.end() || !chosen_.insert(folder).second) continue;
      if (found->second.replaces && !is_chosen(folder))
        refuse(concat(shown(folder), " is a folder now, and something else in the tree"),
               concat("name ", shown(folder), " too"));
    }
  }

  // What stays of a folder that was deleted keeps the folder.
  void choose_removals() {
    std::set<std::string> stays;
    for (const auto& [former, removal] : changes_.removals) {
      const bool wanted = removal.replaced_by ? chosen_.contains(*removal.replaced_by) : is_chosen(former);
      (wanted ? removed_ : stays).insert(former);
    }
    for (const auto& [path, move] : changes_.moves)
      if (!is_chosen(path)) stays.insert(move.former);
    for (auto next = removed_.begin(); next != removed_.end();) {
      const auto& removal = changes_.removals.at(*next);
      if (!removal.is_folder || !has_beneath(stays, *next)) {
        ++next;
        continue;
      }
      if (removal.replaced_by)
        refuse(concat(shown(*next), " cannot be replaced: something in it would stay"),
               concat("apply the whole of ", shown(*next), ", or nothing of it"));
      stays.insert(*next);
      next = removed_.erase(next);
    }
    for (const auto& path : chosen_)
      if (stays.contains(path))
        refuse(concat(shown(path), " cannot be made: what the tree has there would stay"),
               concat("apply the whole of ", shown(path), ", or nothing of it"));
  }

  ApplyStep& add(StepKind kind, const std::string& path, const std::string& former) {
    auto& step = plan_.steps.emplace_back();
    step.kind = kind;
    step.path = path;
    step.former = former;
    return step;
  }

  // Deepest first. What is beneath a folder that goes as a whole goes with it.
  void plan_detaching() {
    std::map<std::string, const Facts*> out;
    std::set<std::string> moved;
    for (const auto& [path, move] : changes_.moves)
      if (is_chosen(path)) {
        moved.insert(move.former);
        out.emplace(move.former, &move.before);
      }
    // In the order of the set a folder comes before what is in it, if not right before.
    std::set<std::string> whole;
    for (const auto& former : removed_) {
      if (is_in(whole, above(former))) continue;
      const auto& removal = changes_.removals.at(former);
      if (removal.is_folder) (has_beneath(moved, former) ? taken_apart_ : whole).insert(former);
      out.emplace(former, &removal.before);
    }
    std::size_t number = 0;
    for (auto next = out.rbegin(); next != out.rend(); ++next) {
      auto& step = add(StepKind::detach, "", next->first);
      step.before = *next->second;
      step.number = number++;
      if (moved.contains(next->first)) numbers_.emplace(next->first, step.number);
    }
  }

  static bool is_in(const std::set<std::string>& folders, std::string path) {
    for (; !path.empty(); path = above(path))
      if (folders.contains(path)) return true;
    return false;
  }

  void plan_attaching() {
    std::map<std::string, const Move*> in;
    for (const auto& path : chosen_) in.emplace(path, nullptr);
    for (const auto& [path, move] : changes_.moves)
      if (is_chosen(path)) in.emplace(path, &move);
    std::size_t number = 0;
    for (const auto& [path, move] : in) {
      auto& step = add(move != nullptr ? StepKind::moved : StepKind::fresh, path, "");
      step.number = move != nullptr ? numbers_.at(move->former) : number++;
    }
  }

  void plan_folders() {
    // New ones; those that were deleted, and stay since something in them does.
    std::set<std::string> touched, remade, stays;
    for (const auto& step : plan_.steps) {
      const auto folder = above(step.kind == StepKind::detach ? step.former : step.path);
      if (step.kind == StepKind::detach) {
        const auto found = changes_.present.find(folder);
        if (found != changes_.present.end())
          touched.insert(found->second);
        else if (!removed_.contains(folder))
          stays.insert(folder);
      } else {
        touched.insert(folder);
        if (step.kind == StepKind::fresh && changes_.additions.at(step.path).is_folder) remade.insert(step.path);
      }
    }
    for (const auto& [path, folder] : changes_.folders) {
      const bool chosen = !folder.is_beginnings && is_chosen(path);
      const bool whole = chosen && (folder.differences & ~unsigned{time_differs}) != 0;
      const bool time = touched.contains(path) || (chosen && folder.differences != 0 && !folder.by_entries);
      if (!whole && !time) continue;
      require_moved(path);
      auto& step = add(StepKind::folder, path, folder.former);
      step.has_before = step.has_now = true;
      step.whole = whole;
      step.before = folder.before;
      step.now = folder.now;
      step.attributes_before = folder.attributes_before;
      step.attributes_now = folder.attributes_now;
      if (chosen && folder.differences != 0 && (whole || !touched.contains(path)))
        plan_.lines.push_back({Kind::properties, path, ""});
    }
    for (const auto& path : remade) {
      auto& step = add(StepKind::folder, path, "");
      step.has_now = true;
      step.now = changes_.additions.at(path).now;
    }
    for (const auto& former : taken_apart_) {
      auto& step = add(StepKind::folder, "", former);
      step.has_before = true;
      step.before = changes_.removals.at(former).before;
    }
    for (const auto& former : stays) {
      auto& step = add(StepKind::folder, place_of(former), former);
      step.has_before = step.has_now = true;
      step.before = step.now = changes_.removals.at(former).before;
    }
  }

  // Where that is then which stays in a folder that may be moved.
  [[nodiscard]] std::string place_of(const std::string& former) const {
    for (auto folder = above(former); !folder.empty(); folder = above(folder))
      for (const auto& [path, move] : changes_.moves)
        if (move.former == folder && is_chosen(path)) return concat(path, former.substr(folder.size()));
    return former;
  }

  void plan_leaving() {
    if (is_plain()) {
      plan_.leaving = selection_.paths();
      return;
    }
    for (const auto& [path, move] : changes_.moves)
      if (move.is_folder && is_chosen(path)) plan_.leaving.insert(plan_.leaving.end(), {path, move.former});
  }

  void tell_lines() {
    for (const auto& path : chosen_) {
      const auto& addition = changes_.additions.at(path);
      plan_.lines.push_back({addition.kind, path, addition.kind == Kind::renamed ? addition.former : ""});
    }
    for (const auto& former : removed_)
      if (!changes_.removals.at(former).replaced_by) plan_.lines.push_back({Kind::deleted, former, ""});
    for (const auto& [path, move] : changes_.moves)
      if (is_chosen(path)) plan_.lines.push_back({Kind::renamed, path, move.former});
    std::sort(plan_.lines.begin(), plan_.lines.end(), [](const auto& one, const auto& two) {
      return std::tie(one.path, one.kind) < std::tie(two.path, two.kind);
    });
  }

  const ApplyChanges& changes_;
  const ApplyWish& wish_;
  const std::vector<std::string>& omitted_;
  const Selection selection_;
  const std::set<std::string> exact_;
  std::set<std::string> chosen_;                // additions
  std::set<std::string> removed_;               // removals, by their former paths
  std::set<std::string> taken_apart_;           // folders of these whose contents go one by one
  std::map<std::string, std::size_t> numbers_;  // of what is moved, by former path
  ApplyPlan plan_;
};

void require_options(const Options& options, const ApplyWish& wish) {
  if (options.index)
    throw Error(ErrorCode::not_supported, "the overlay has index=on, which knows of changes in more places than one",
                "end the session and begin another");
  const bool is_whole = wish.paths.empty() && wish.exclude.empty() && wish.ours.empty();
  if (options.metacopy && !is_whole)
    throw Error(ErrorCode::not_supported,
                "the overlay has metacopy=on: files in it may have their contents at places that are changed",
                "apply all, without paths, --exclude and --ours");
}

void require_known(View& view, const std::vector<std::string>& paths) {
  for (const auto& path : paths)
    if (!view.resolve(view.upper_root(), path) && !view.resolve(view.lower_root(), path))
      refuse(concat("there is no ", shown(path), " in the session, and none in its tree"),
             "`unionroot diff` lists what was changed");
}

}  // namespace

ApplyPlan plan_apply(const Layers& layers, const ApplyBase& base, const ApplyWish& wish,
                     const std::function<bool()>& stop) {
  require_options(layers.options, wish);
  View view(layers.lowers, layers.upper, layers.options);
  require_known(view, wish.paths);
  const auto changes = find_apply_changes(view, find_renames(view, layers.options), base, stop);
  std::vector<std::string> omitted;
  std::vector<Conflict> undecided;
  {
    const Planner planner(changes, wish, omitted);
    for (const auto& conflict : changes.conflicts) {
      if (!planner.is_chosen(conflict.path) || is_beneath_any(conflict.path, wish.theirs)) continue;
      if (is_beneath_any(conflict.path, wish.ours))
        omitted.push_back(conflict.path);
      else
        undecided.push_back(conflict);
    }
  }
  if (!undecided.empty()) {
    ApplyPlan none;
    none.conflicts = std::move(undecided);
    return none;
  }
  return Planner(changes, wish, omitted).make();
}

}  // namespace unionroot::layers
