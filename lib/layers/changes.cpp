#include "layers/changes.h"

#include <algorithm>

#include "base/paths.h"
#include "layers/entries.h"
#include "layers/renames.h"
#include "layers/view.h"
#include "layers/walk.h"

namespace unionroot::layers {

namespace {

struct Enough {};

Facts facts_shown(const Entry& entry) {
  auto facts = facts_of(entry.status);
  facts.links = entry.links();
  return facts;
}

bool contains(const std::vector<std::string>& folders, const std::string& path) {
  return std::any_of(folders.begin(), folders.end(),
                     [&](const std::string& folder) { return folder.empty() || base::is_or_is_beneath(path, folder); });
}

class Teller : public Visitor {
 public:
  Teller(View& view, const Renames& renames, const std::vector<std::string>& paths,
         const std::function<bool(const Change&)>& tell)
      : view_(view), renames_(renames), paths_(paths), tell_(tell) {}

  void added(const std::string& path, const EntryPtr& now) override {
    tell(change(Kind::added, path, now.get(), nullptr));
  }

  void deleted(const std::string& path, const EntryPtr& before) override {
    tell(change(Kind::deleted, path, nullptr, before.get()));
  }

  void kept(const std::string& path, const EntryPtr& now, const std::string& former, const EntryPtr& before,
            bool renamed) override {
    if (renamed) {
      auto rename = change(Kind::renamed, path, now.get(), before.get());
      rename.former = former;
      tell(rename);
    }
    if (!is_wanted(path)) return;
    if (now->type() != before->type()) {
      tell(change(Kind::type, path, now.get(), before.get()));
      return;
    }
    const auto found = differences(*now, *before);
    if (found == 0) return;
    auto changed =
        change((found & content_differs) != 0 ? Kind::content : Kind::properties, path, now.get(), before.get());
    changed.differences = found;
    changed.by_entries =
        found == time_differs && now->is_folder() && entries_changed(view_, renames_, path, *now, former, *before);
    tell(changed);
  }

 private:
  static Change change(Kind kind, const std::string& path, const Entry* now, const Entry* before) {
    Change made;
    made.kind = kind;
    made.path = path;
    if (now != nullptr) {
      made.now = facts_shown(*now);
      if (now->in_upper && !now->is_folder() && now->status.st_nlink > 1) made.link_group = now->status.st_ino;
      if (const auto uppers = now->folders.first_lower() - now->folders.folders.begin(); uppers > 1)
        made.first_inode = now->folders.folders[static_cast<std::size_t>(uppers) - 1]->inode();
    }
    if (before != nullptr) made.before = facts_shown(*before);
    return made;
  }

  [[nodiscard]] bool is_wanted(const std::string& path) const { return paths_.empty() || contains(paths_, path); }

  void tell(const Change& made) {
    if (!is_wanted(made.path) && !(made.kind == Kind::renamed && is_wanted(made.former))) return;
    if (!tell_(made)) throw Enough();
  }

  View& view_;
  const Renames& renames_;
  const std::vector<std::string>& paths_;
  const std::function<bool(const Change&)>& tell_;
};

}  // namespace

Facts facts_of(const struct stat& status) {
  Facts facts;
  facts.mode = status.st_mode;
  facts.uid = status.st_uid;
  facts.gid = status.st_gid;
  facts.size = static_cast<std::uint64_t>(status.st_size);
  facts.links = status.st_nlink;
  facts.device = status.st_rdev;
  facts.seconds = status.st_mtim.tv_sec;
  facts.nanoseconds = status.st_mtim.tv_nsec;
  facts.inode = status.st_ino;
  facts.changed_seconds = status.st_ctim.tv_sec;
  facts.changed_nanoseconds = status.st_ctim.tv_nsec;
  return facts;
}

void list_changes(const Layers& layers, const std::vector<std::string>& paths,
                  const std::function<bool(const Change&)>& tell) {
  View view(layers.lowers, layers.upper, layers.options, layers.former);
  const auto renames = find_renames(view, layers.options);
  Teller teller(view, renames, paths, tell);
  // What was renamed is told at its new place, wherever that is.
  auto places = paths;
  for (const auto& [former, present] : renames.all())
    if (contains(paths, former)) places.push_back(present);
  const auto wanted = [&](const std::string& path) {
    return paths.empty() || contains(places, path) || std::any_of(places.begin(), places.end(), [&](const auto& place) {
             return base::is_or_is_beneath(place, path);
           });
  };
  try {
    Walk(view, renames, teller, wanted).run();
  } catch (const Enough&) {
  }
}

}  // namespace unionroot::layers
