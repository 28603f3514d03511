#include "layers/reset_plan.h"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "layers/origin.h"
#include "layers/renames.h"
#include "layers/selection.h"
#include "layers/view.h"
#include "layers/walk.h"

namespace unionroot::layers {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

using StepKind = ResetStep::Kind;

constexpr std::size_t most_steps = 100'000;

std::string joined(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : concat(folder, "/", name);
}

std::string shown(const std::string& path) { return concat("/", base::printable(path)); }

[[noreturn]] void refuse(std::string why, std::string hint) {
  throw Error(ErrorCode::invalid_argument, std::move(why), std::move(hint));
}

bool is_same_owner_and_mode(const Facts& one, const Facts& two) {
  return one.mode == two.mode && one.uid == two.uid && one.gid == two.gid;
}

// Files that were copied up from another file than the tree has there, and are no renames. Once that file shows at its
// own place again the kernel would take the two for one.
class Strangers : public Visitor {
 public:
  struct Found {
    std::string path, attribute, origin;
  };
  // Of what the tree has: a file that is gone from it never shows again.
  [[nodiscard]] std::vector<Found> found() const {
    std::vector<Found> strangers;
    std::copy_if(found_.begin(), found_.end(), std::back_inserter(strangers),
                 [&](const Found& stranger) { return handles_.contains(stranger.origin); });
    return strangers;
  }

  void added(const std::string& path, const EntryPtr& now) override { look(path, *now, nullptr); }
  void deleted(const std::string&, const EntryPtr& before) override {
    handles_.insert(handle_of(before->handle.get()));
  }
  void kept(const std::string& path, const EntryPtr& now, const std::string&, const EntryPtr& before,
            bool renamed) override {
    if (!before->is_folder()) handles_.insert(handle_of(before->handle.get()));
    if (!renamed) look(path, *now, before.get());
  }

 private:
  void look(const std::string& path, const Entry& now, const Entry* before) {
    if (!now.in_upper || now.is_folder() || now.marks.origin.empty() || found_.size() >= most_steps) return;
    const auto origin = origin_of(now);
    if (origin.empty()) return;
    const bool is_own = before != nullptr && !before->is_folder() && handle_of(before->handle.get()) == origin;
    if (!is_own) found_.push_back({path, now.marks.origin, origin});
  }

  std::vector<Found> found_;
  std::set<std::string> handles_;
};

class Planner {
 public:
  Planner(const Layers& layers, const Beginning& beginning, const ResetWish& wish, const std::function<bool()>& stop)
      : options_(layers.options),
        view_(layers.lowers, layers.upper, layers.options),
        beginning_(beginning),
        stop_(stop),
        selection_(wish.paths, wish.keep) {}

  ResetPlan make() {
    if (options_.index)
      throw Error(ErrorCode::not_supported, "the overlay has index=on, which knows of changes in more places than one",
                  "end the session and begin another");
    if (!selection_.is_all()) plan_rest();
    for (const auto& path : selection_.paths())
      if (path.empty())
        plan_root();
      else
        plan_path(path);
    plan_above();
    plan_missing();
    // Where nothing is reset, what stays is as it was.
    if (plan_.size() == steps_of_rest_) plan_.clear();
    return std::move(plan_);
  }

 private:
  // A folder of the upper layer that is looked through.
  struct Frame {
    std::string path, name;
    FolderStack now;
    std::optional<FolderStack> before;  // none: the tree has no folder there
    std::vector<std::string> names;
    std::size_t next = 0;
    std::vector<std::string> removable;
    bool keeps = false;  // something beneath stays
  };

  // What stays must go on meaning what it does.
  void plan_rest() {
    // A file whose content is at another place now, and comes back there, would be both to the kernel.
    if (options_.metacopy)
      throw Error(ErrorCode::not_supported,
                  "the overlay has metacopy=on: files in it may have their contents at places that are reset",
                  "reset all, without --keep");
    const auto renames = find_renames(view_, options_);
    require_whole_renames(renames);
    Strangers strangers;
    Walk(view_, renames, strangers).run();
    for (const auto& [path, name, origin] : strangers.found()) {
      if (selection_.contains(path)) continue;
      ResetStep step;
      step.kind = StepKind::strange;
      step.path = path;
      step.attributes.emplace(name, "");
      add(std::move(step));
    }
    steps_of_rest_ = plan_.size();
  }

  // A path that is kept stays deleted only if the upper layer has an entry there. If a folder above was replaced, what
  // the tree has beneath comes back with that folder.
  [[nodiscard]] bool comes_back(const std::string& former) {
    if (selection_.contains(former)) return true;
    if (!selection_.has_exceptions()) return false;
    bool is_above_chosen = false;
    for (std::string_view part = former; !part.empty() && !is_above_chosen;) {
      part = base::parent_path(part);
      is_above_chosen = selection_.contains(std::string(part));
    }
    if (!is_above_chosen) return false;
    const auto folder = view_.resolve(view_.upper_root(), std::string(base::parent_path(former)));
    return !folder || !folder->is_folder() || !in_upper(folder->folders, std::string(base::file_name(former)));
  }

  // Half of a rename would be a thing that is there twice, or not at all.
  void require_whole_renames(const Renames& renames) {
    for (const auto& [former, present] : renames.all()) {
      if (comes_back(former) == selection_.contains(present)) continue;
      refuse(concat(shown(former), " was renamed to ", shown(present), ": only one of both was named"),
             concat("name both, or neither: ", shown(former), " ", shown(present)));
    }
  }

  void add(ResetStep step) {
    if (plan_.size() >= most_steps)
      throw Error(ErrorCode::limit_exceeded, concat("there are more than ", most_steps, " places to be reset"),
                  "name the folders that they are in");
    plan_.push_back(std::move(step));
  }
  void add(StepKind kind, const std::string& path) {
    ResetStep step;
    step.kind = kind;
    step.path = path;
    add(std::move(step));
  }

  void add_time(const std::string& path, const Facts& facts) {
    ResetStep step;
    step.kind = StepKind::time;
    step.path = path;
    step.facts = facts;
    add(std::move(step));
  }

  void plan_root() {
    const auto now = view_.upper_root(), before = view_.lower_root();
    Frame root;
    root.now = now->folders;
    root.before = before->folders;
    root.names = View::names(root.now, true);
    root.keeps = true;
    walk(std::move(root));
  }

  // From the root on as far as the tree goes: what the folders are, in which the path is.
  void plan_path(const std::string& path) {
    auto now = view_.upper_root(), before = view_.lower_root();
    const auto in_tree = view_.resolve(view_.lower_root(), path);
    std::vector<std::string> above{""};
    const auto parts = base::split(path, '/');
    std::string folder;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      folder = joined(folder, parts[i]);
      const auto next = view_.look(now->folders, parts[i]);
      before = before && before->is_folder() ? view_.look(before->folders, parts[i]) : nullptr;
      if (!next || !next->is_folder()) {
        if (!in_tree) refuse_unknown(path);
        refuse(concat(shown(path), " cannot come back: ", shown(folder), " was ", next ? "replaced" : "deleted"),
               concat("reset ", shown(folder)));
      }
      const bool is_trees = before && before->is_folder() && next->folders.same_lowers(before->folders);
      // In a folder of its own nothing of the tree's shows, whatever is removed there.
      if (!is_trees && (in_tree || has_lowers(next->folders)))
        refuse(concat(shown(path), " cannot be as in the tree: ", shown(folder), " is not the tree's ",
                      before ? "any more" : "folder of that name"),
               concat("reset ", shown(folder), ", and if it was renamed its former path"));
      now = next;
      above.push_back(folder);
    }
    if (!in_tree && !view_.look(now->folders, parts.back()) && !in_upper(now->folders, parts.back()))
      refuse_unknown(path);
    Frame parent;
    parent.path = folder;
    parent.now = now->folders;
    if (before && before->is_folder()) parent.before = before->folders;
    const auto steps = plan_.size();
    consider(parent, parts.back());
    if (!frames_.empty()) walk_on(parent);
    for (const auto& removed : parent.removable) add(StepKind::remove, removed);
    if (plan_.size() != steps) above_.insert(above.begin(), above.end());
  }

  [[noreturn]] static void refuse_unknown(const std::string& path) {
    refuse(concat("there is no ", shown(path), " in the session, and none in its tree"),
           "`unionroot diff` lists what was changed");
  }

  static bool has_lowers(const FolderStack& stack) { return stack.folders.size() > (stack.has_upper() ? 1U : 0U); }

  static bool in_upper(const FolderStack& stack, const std::string& name) {
    struct stat status {};
    return stack.has_upper() && look_at(stack, name, status);
  }

  static bool look_at(const FolderStack& stack, const std::string& name, struct stat& status) {
    const int folder = stack.folders.front()->descriptor();
    return folder >= 0 && ::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  }

  // The folders that something is removed from, deepest first. One that was copied up for that alone goes as well, or
  // gets the tree's time; others keep theirs.
  void plan_above() {
    std::set<std::string> removed;
    for (const auto& step : plan_)
      if (step.kind == StepKind::remove) removed.insert(step.path);
    std::vector<std::string> folders(above_.begin(), above_.end());
    std::stable_sort(folders.begin(), folders.end(),
                     [](const auto& one, const auto& two) { return one.size() > two.size(); });
    for (const auto& path : folders) {
      const auto now = view_.resolve(view_.upper_root(), path), before = view_.resolve(view_.lower_root(), path);
      if (!now || !now->in_upper) continue;
      bool is_empty = true;
      const bool is_trees = is_copy(path, *now, before) && holds_no_change(path, *now, *before, removed, is_empty);
      if (!is_trees || !is_empty || path.empty()) {
        add_time(path, facts_of(is_trees ? before->status : now->status));
        continue;
      }
      removed.insert(path);
      add(StepKind::remove, path);
    }
  }

  // What was there at the beginning and has gone without a trace: the tree has nothing there.
  void plan_missing() {
    std::set<std::string> known;
    for (const auto& step : plan_)
      if (step.kind == StepKind::again) known.insert(step.path);
    for (const auto& [path, facts] : beginning_.entries()) {
      if (known.contains(path) || !selection_.contains(path)) continue;
      const auto folder = view_.resolve(view_.upper_root(), std::string(base::parent_path(path)));
      const bool is_there =
          folder && folder->is_folder() && in_upper(folder->folders, std::string(base::file_name(path)));
      if (!is_there) add(StepKind::again, path);
    }
  }

  // Whether it differs from the tree's in its time alone.
  [[nodiscard]] bool is_copy(const std::string& path, const Entry& now, const EntryPtr& before) const {
    return before && before->is_folder() && now.folders.same_lowers(before->folders) &&
           (path.empty() || beginning_.find(path) == nullptr) &&
           (differences(now, *before) & ~unsigned{time_differs}) == 0;
  }

  // Whether nothing that stays in it was made, deleted or moved there.
  bool holds_no_change(const std::string& path, const Entry& now, const Entry& before,
                       const std::set<std::string>& removed, bool& is_empty) {
    for (const auto& name : View::names(now.folders, true)) {
      const auto below = joined(path, name);
      struct stat status {};
      if (removed.contains(below) || !look_at(now.folders, name, status)) continue;
      is_empty = false;
      const auto* const record = beginning_.find(below);
      if (record != nullptr && record->inode == status.st_ino) continue;
      const auto one = view_.look(now.folders, name), two = view_.look(before.folders, name);
      if (!one || !two || one->type() != two->type()) return false;
      if (one->is_folder() ? !one->folders.same_lowers(two->folders) : origin_of(*one) != handle_of(two->handle.get()))
        return false;
    }
    return true;
  }

  void walk(Frame root) {
    Frame none;
    frames_.push_back(std::move(root));
    walk_on(none);
  }

  void walk_on(Frame& outermost) {
    while (!frames_.empty()) {
      if (stop_ && stop_()) throw Error(ErrorCode::cancelled, "it was cancelled");
      auto& frame = frames_.back();
      if (frame.next < frame.names.size()) {
        const auto name = std::move(frame.names[frame.next++]);
        consider(frame, name);  // may move the frames
        continue;
      }
      auto done = std::move(frame);
      frames_.pop_back();
      leave(done, frames_.empty() ? outermost : frames_.back());
    }
  }

  void consider(Frame& parent, const std::string& name) {
    struct stat status {};
    if (!parent.now.has_upper() || !look_at(parent.now, name, status)) return;
    auto path = joined(parent.path, name);
    if (selection_.is_exception(path)) {
      parent.keeps = true;
      return;
    }
    const auto* const record = beginning_.find(path);
    if (!S_ISDIR(status.st_mode)) {
      if (record != nullptr && Beginning::is_unchanged(*record, facts_of(status))) {
        parent.keeps = true;
        return;
      }
      if (record != nullptr) add(StepKind::again, path);
      parent.removable.push_back(std::move(path));
      return;
    }
    if (!selection_.has_exceptions() && record == nullptr && !beginning_.has_beneath(path)) {
      parent.removable.push_back(std::move(path));
      return;
    }
    const auto now = view_.look(parent.now, name);
    const auto before = parent.before ? view_.look(*parent.before, name) : nullptr;
    if (!now || !now->is_folder()) return;
    Frame frame;
    frame.now = now->folders;
    if (before && before->is_folder()) frame.before = before->folders;
    frame.path = std::move(path);
    frame.name = name;
    frame.names = View::names(frame.now, true);
    frames_.push_back(std::move(frame));
  }

  void leave(const Frame& frame, Frame& parent) {
    const auto now = frame.path.empty() ? view_.upper_root() : view_.look(parent.now, frame.name);
    const auto before = frame.path.empty() ? view_.lower_root()
                        : parent.before    ? view_.look(*parent.before, frame.name)
                                           : nullptr;
    if (!now) return;
    const auto* const record = beginning_.find(frame.path);
    const auto facts = facts_of(now->status);
    const bool is_beginnings = record != nullptr && record->inode == facts.inode;
    if (!frame.keeps && !is_beginnings) {
      if (record != nullptr) add(StepKind::again, frame.path);
      parent.removable.push_back(frame.path);
      return;
    }
    parent.keeps = true;
    const bool is_trees = before && before->is_folder() && now->folders.same_lowers(before->folders);
    if (!is_beginnings && !is_trees && (before || has_lowers(now->folders)))
      refuse(concat("nothing in ", shown(frame.path), " can be kept: it is not the tree's any more"),
             concat("keep ", shown(frame.path), " as a whole, or nothing of it"));
    for (const auto& path : frame.removable) add(StepKind::remove, path);
    if (before || is_beginnings)
      plan_restoring(frame, *now, before, is_beginnings ? record : nullptr);
    else if (!frame.removable.empty())
      add_time(frame.path, facts);  // a new one, of which something is kept
  }

  void plan_restoring(const Frame& frame, const Entry& now, const EntryPtr& before, const Facts* record) {
    ResetStep step;
    step.kind = StepKind::restore;
    step.path = frame.path;
    step.facts = record != nullptr ? *record : facts_of(before->status);
    const auto facts = facts_of(now.status);
    bool differs = !frame.removable.empty() || !is_same_owner_and_mode(facts, step.facts) ||
                   facts.seconds != step.facts.seconds || facts.nanoseconds != step.facts.nanoseconds;
    if (before && before->is_folder()) {
      step.has_attributes = true;
      step.attributes = read_values(before->handle.get(), before->marks.others);
      differs = differs || step.attributes != read_values(now.handle.get(), now.marks.others);
    }
    if (!differs) return;
    add(std::move(step));
    if (record != nullptr) add(StepKind::again, frame.path);
  }

  const Options options_;
  View view_;
  const Beginning& beginning_;
  const std::function<bool()>& stop_;
  const Selection selection_;
  ResetPlan plan_;
  std::size_t steps_of_rest_ = 0;
  std::vector<Frame> frames_;
  std::set<std::string> above_;  // folders that something is removed from, and those above them
};

}  // namespace

ResetPlan plan_reset(const Layers& layers, const Beginning& beginning, const ResetWish& wish,
                     const std::function<bool()>& stop) {
  return Planner(layers, beginning, wish, stop).make();
}

}  // namespace unionroot::layers
