#include "layers/walk.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "layers/chain.h"
#include "layers/planted.h"

namespace unionroot::layers {

namespace {

std::string below_of(const TrailPtr& trail, const std::string& name) {
  auto path = trail->text();
  return path.empty() ? name : base::concat(path, "/", name);
}

TrailPtr longer(const TrailPtr& trail, const std::string& part) { return std::make_shared<Trail>(trail, part); }

std::optional<FolderStack> folders_of(const EntryPtr& entry) {
  return entry && entry->is_folder() ? std::optional(entry->folders) : std::nullopt;
}

// Both show the same folders of lower layers alone, so nothing beneath can differ.
bool is_untouched(const FolderStack& now, const std::optional<FolderStack>& before) {
  return before && !now.has_upper() && now.same_lowers(*before);
}

}  // namespace

Trail::~Trail() { release_chain(std::move(above_), &Trail::above_); }

std::string Trail::text() const {
  std::vector<const std::string*> parts;
  for (const Trail* trail = this; trail != nullptr; trail = trail->above_.get())
    if (!trail->part_.empty()) parts.push_back(&trail->part_);
  std::string path;
  for (auto next = parts.rbegin(); next != parts.rend(); ++next) {
    if (!path.empty()) path += '/';
    path += **next;
  }
  return path;
}

void Walk::run() {
  const auto now = view_.upper_root(), before = view_.lower_root();
  path_.clear();
  visitor_.kept("", now, "", before, false);
  Level root;
  root.both = Present{now->folders, before->folders, nullptr};
  enter(std::move(root));
  while (!levels_.empty()) {
    auto& level = levels_.back();
    path_.resize(level.path_size);
    const bool more = level.next < level.names.size();
    if (!level.folders.empty() && (planted(7) || !more || level.folders.back().name < level.names[level.next])) {
      auto [name, below] = std::move(level.folders.back());
      level.folders.pop_back();
      path_ += name;
      enter(std::move(below));
    } else if (more) {
      const auto name = std::move(level.names[level.next++]);
      path_ += name;
      if (!wanted_ || wanted_(path_)) visit(level, name);
    } else {
      levels_.pop_back();
    }
  }
}

// Collects the names to visit. Names of lower layers are needed only if the two show different lower layers.
void Walk::enter(Level level) {
  level.path_size = path_.size();
  const auto add = [&](const FolderStack& folders, bool upper_only) {
    auto more = View::names(folders, upper_only);
    std::vector<std::string> all;
    std::set_union(std::make_move_iterator(level.names.begin()), std::make_move_iterator(level.names.end()),
                   std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()), std::back_inserter(all));
    level.names = std::move(all);
  };
  for (const auto* present : {&level.both, &level.present}) {
    if (!*present) continue;
    const auto& [now, before, trail] = **present;
    const bool alike = before && now.same_lowers(*before);
    add(now, alike);
    if (present == &level.both && before && !alike) add(*before, false);
  }
  if (level.past) {
    const auto& [before, now, trail] = *level.past;
    const bool alike = now && now->same_lowers(before);
    add(alike ? *now : before, alike);
  }
  levels_.push_back(std::move(level));
}

void Walk::visit(Level& level, const std::string& name) {
  Level below;
  if (level.both) visit_both(level, name, below);
  if (level.past) visit_past(*level.past, name, below);
  if (level.present) visit_present(*level.present, name, below);
  if (below.both || below.past || below.present) level.folders.push_back({name + "/", std::move(below)});
}

void Walk::visit_both(Level& level, const std::string& name, Level& below) {
  const auto& [stack, stack_before, trail] = *level.both;
  if (visitor_.only_added() && View::are_files(stack, *stack_before, name)) return;
  const auto now = view_.look(stack, name);
  const auto before = view_.look(*stack_before, name);
  const auto* const former = now ? renames_.former(path_) : nullptr;
  const auto* const present = before ? renames_.present(path_) : nullptr;
  if (former == nullptr && present == nullptr) {
    if (before && !now) visitor_.deleted(path_, before);
    if (now) tell_present(now, before, path_, false);
    const auto folders = folders_of(now), folders_before = folders_of(before);
    if (folders && folders_before) {
      if (!is_untouched(*folders, folders_before)) below.both = Present{*folders, folders_before, nullptr};
      return;
    }
    if (folders) below.present = Present{*folders, std::nullopt, nullptr};
    if (folders_before && !(planted(9) && now)) below.past = Past{*folders_before, std::nullopt, nullptr};
    return;
  }
  // Past and present take different paths from here on.
  if (before) visit_past(Past{*stack_before, std::nullopt, nullptr}, name, below);
  if (now) visit_present(Present{stack, std::nullopt, nullptr}, name, below);
}

// path_ is the path before.
void Walk::visit_past(const Past& past, const std::string& name, Level& below) {
  const auto before = view_.look(past.before, name);
  if (!before) return;
  EntryPtr now;
  TrailPtr trail;
  if (const auto* const present = renames_.present(path_)) {
    now = view_.resolve(view_.upper_root(), *present);
    trail = longer(nullptr, *present);
  } else {
    if (past.now && past.trail && renames_.former(below_of(past.trail, name)) == nullptr) {
      now = view_.look(*past.now, name);
      trail = longer(past.trail, name);
    }
    if (!now) visitor_.deleted(path_, before);
  }
  const auto folders = folders_of(before);
  if (!folders) return;
  auto folders_now = folders_of(now);
  if (folders_now && is_untouched(*folders_now, folders)) return;
  if (planted(10) && renames_.present(path_) != nullptr) return;
  below.past = Past{*folders, std::move(folders_now), std::move(trail)};
}

// path_ is the path now.
void Walk::visit_present(const Present& present, const std::string& name, Level& below) {
  const auto now = view_.look(present.now, name);
  if (!now) return;
  EntryPtr before;
  std::string former;
  TrailPtr trail;
  const auto* const renamed = renames_.former(path_);
  if (renamed != nullptr) {
    former = *renamed;
    before = view_.resolve(view_.lower_root(), former);
    trail = longer(nullptr, former);
  } else if (present.before && present.trail) {
    former = below_of(present.trail, name);
    if (renames_.present(former) == nullptr) before = view_.look(*present.before, name);
    trail = longer(present.trail, name);
  }
  tell_present(now, before, former, renamed != nullptr);
  if (!now->is_folder()) return;
  auto folders_before = folders_of(before);
  if (is_untouched(now->folders, folders_before)) return;
  below.present = Present{now->folders, std::move(folders_before), std::move(trail)};
}

void Walk::tell_present(const EntryPtr& now, const EntryPtr& before, const std::string& former, bool renamed) {
  if (!before)
    visitor_.added(path_, now);
  else
    visitor_.kept(path_, now, former, before, renamed);
}

}  // namespace unionroot::layers
