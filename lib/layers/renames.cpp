#include "layers/renames.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "layers/origin.h"
#include "layers/walk.h"

namespace unionroot::layers {

using base::concat;

namespace {

// More than these are listed as deleted and added: the memory that it takes has an end.
constexpr std::size_t most_renames = 100'000;
constexpr std::size_t most_bytes = std::size_t{32} << 20;

std::string joined(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : concat(folder, "/", name);
}

struct Redirect {
  std::string former, present;
};

// What the upper layer's folders say; no lower layer is looked at.
struct UpperFolders {
  std::vector<Redirect> redirects;
  bool impure = false;         // something in them may come from a lower layer
  bool indexed_links = false;  // index=on: a file with several names was copied up
};

class UpperReader {
 public:
  UpperReader(View& view, const Options& options) : view_(view), index_(options.index) {}

  UpperFolders read() {
    FolderStack root;
    root.folders.push_back(view_.upper_root()->folders.folders.front());
    open_.push_back({std::move(root), "", ""});
    note(view_.upper_root()->marks);
    while (!open_.empty()) {
      const auto folder = std::move(open_.back());
      open_.pop_back();
      read(folder);
    }
    return std::move(found_);
  }

 private:
  struct Place {
    FolderStack folder;  // one, of the upper layer
    std::string path;
    std::optional<std::string> former;  // none: nothing of lower layers shows in it
  };

  void note(const Marks& marks) {
    found_.impure = found_.impure || marks.impure;
    found_.indexed_links = found_.indexed_links || !marks.links.empty();
  }

  void read(const Place& place) {
    for (const auto& [name, type] : list(*place.folder.folders.front())) {
      if (type != DT_DIR && type != DT_UNKNOWN && !index_) continue;  // only folders have redirects
      const auto entry = view_.look_in_uppermost(place.folder, name);
      if (!entry) continue;
      note(entry->marks);
      if (!entry->is_folder()) continue;
      Place below{entry->folders, joined(place.path, name), std::nullopt};
      below.former = former_of(place, name, entry->marks);
      if (entry->marks.redirect && below.former && found_.redirects.size() < most_renames)
        found_.redirects.push_back({*below.former, below.path});
      open_.push_back(std::move(below));
    }
  }

  static std::optional<std::string> former_of(const Place& place, const std::string& name, const Marks& marks) {
    if (marks.opaque) return std::nullopt;
    if (marks.redirect && marks.redirect->front() == '/') return base::join(base::split(*marks.redirect, '/'), "/");
    if (!place.former) return std::nullopt;
    return joined(*place.former, marks.redirect.value_or(name));
  }

  View& view_;
  const bool index_;
  std::vector<Place> open_;
  UpperFolders found_;
};

// Where there are former upper layers: what lower layers' folders are shown elsewhere than they lie. A folder that was
// renamed once more above a frozen layer is one. One that its own layer has under another name than its tree is not
// found, and is listed as deleted and added.
std::vector<Redirect> find_moved(View& view) {
  std::vector<Redirect> found;
  std::vector<std::pair<FolderStack, std::string>> open{{view.upper_root()->folders, ""}};
  while (!open.empty()) {
    const auto [folder, path] = std::move(open.back());
    open.pop_back();
    for (const auto& name : View::names(folder, true)) {
      const auto entry = view.look(folder, name);
      if (!entry || !entry->is_folder() || !entry->folders.has_upper()) continue;
      const auto present = joined(path, name);
      const auto lower = entry->folders.first_lower();
      if (lower != entry->folders.folders.end() && found.size() < most_renames)
        if (auto former = (*lower)->path(); former != present) found.push_back({std::move(former), present});
      open.emplace_back(entry->folders, present);
    }
  }
  return found;
}

// A folder of lower layers is renamed if it is shown at its new place and not at its own.
class Judge {
 public:
  Judge(View& view, const Renames& known) : view_(view), known_(known) {}

  [[nodiscard]] bool is_renamed(const Redirect& redirect) {
    const auto former = view_.resolve(view_.lower_root(), redirect.former);
    const auto present = view_.resolve(view_.upper_root(), redirect.present);
    if (!former || !present || !former->is_folder() || !present->is_folder()) return false;
    return present->folders.same_lowers(former->folders) && !is_still_there(redirect.former, *former);
  }

 private:
  // The folders above it may have been renamed as well: those are known already, since their paths sort before.
  bool is_still_there(const std::string& path, const Entry& former) {
    auto entry = view_.upper_root();
    std::string walked;
    for (const auto& name : base::split(path, '/')) {
      walked = joined(walked, name);
      const auto* const present = known_.present(walked);
      entry = present != nullptr ? view_.resolve(view_.upper_root(), *present) : view_.look(entry->folders, name);
      if (!entry || !entry->is_folder()) return false;
    }
    const auto& folders = entry->folders.folders;
    return std::any_of(folders.begin(), folders.end(), [&](const FolderPtr& folder) {
      const auto& others = former.folders.folders;
      return std::any_of(others.begin(), others.end(), [&](const FolderPtr& other) { return folder->is(*other); });
    });
  }

  View& view_;
  const Renames& known_;
};

bool may_be_renamed(const Entry& entry) { return !entry.is_folder() && entry.links() == 1; }

// Files that are new at their place and were copied up from somewhere.
class CopiedFiles : public Visitor {
 public:
  struct File {
    std::string path;  // empty: several claim the same
    mode_t type;
  };
  std::map<std::string, File> files;  // by handle

  [[nodiscard]] bool only_added() const override { return true; }

  void added(const std::string& path, const EntryPtr& now) override {
    if (!now->in_upper || now->marks.origin.empty() || !may_be_renamed(*now)) return;
    const auto handle = origin_of(*now);
    bytes_ += path.size() + handle.size();
    if (handle.empty() || files.size() >= most_renames || bytes_ > most_bytes) return;
    const auto [place, is_new] = files.emplace(handle, File{path, now->type()});
    if (!is_new) place->second.path.clear();
  }
  void deleted(const std::string&, const EntryPtr&) override {}
  void kept(const std::string&, const EntryPtr&, const std::string&, const EntryPtr&, bool) override {}

 private:
  std::size_t bytes_ = 0;
};

// Where they were.
class FormerFiles : public Visitor {
 public:
  FormerFiles(const CopiedFiles& copied, Renames& renames) : copied_(copied), renames_(renames) {}
  void added(const std::string&, const EntryPtr&) override {}
  void deleted(const std::string& path, const EntryPtr& before) override {
    if (!may_be_renamed(*before)) return;
    const auto found = copied_.files.find(handle_of(before->handle.get()));
    if (found == copied_.files.end() || found->second.path.empty() || found->second.type != before->type()) return;
    found_.push_back({path, found->second.path});
  }
  void kept(const std::string&, const EntryPtr&, const std::string&, const EntryPtr&, bool) override {}
  // Not before the walk is over, which looks at them.
  void conclude() {
    for (const auto& [former, present] : found_) renames_.add(former, present);
  }

 private:
  const CopiedFiles& copied_;
  Renames& renames_;
  std::vector<Redirect> found_;
};

}  // namespace

const std::string* Renames::former(const std::string& path) const {
  const auto found = former_.find(path);
  return found == former_.end() ? nullptr : &found->second;
}

const std::string* Renames::present(const std::string& former) const {
  const auto found = present_.find(former);
  return found == present_.end() ? nullptr : &found->second;
}

void Renames::drop_returned() {
  const auto came_with_folder = [&](const std::string& present, const std::string& was) {
    for (auto above = base::parent_path(present); !above.empty(); above = base::parent_path(above))
      if (const auto* const folder = former(std::string(above)))
        return concat(*folder, present.substr(above.size())) == was;
    return false;
  };
  std::vector<std::string> returned;
  for (const auto& [present, was] : former_)
    if (came_with_folder(present, was)) returned.push_back(present);
  for (const auto& present : returned) {
    present_.erase(former_.at(present));
    former_.erase(present);
  }
}

bool Renames::add(const std::string& former, const std::string& present) {
  if (former == present || former_.contains(present) || present_.contains(former)) return false;
  if (former_.size() >= most_renames || bytes_ + former.size() + present.size() > most_bytes) return false;
  bytes_ += former.size() + present.size();
  former_.emplace(present, former);
  present_.emplace(former, present);
  return true;
}

Renames find_renames(View& view, const Options& options) {
  Renames renames;
  auto upper = UpperReader(view, options).read();
  if (options.index && upper.indexed_links)
    throw base::Error(base::ErrorCode::not_supported,
                      "files with several names were changed on an overlay with index=on, whose list of them is "
                      "not read yet",
                      "begin sessions without index=on");
  if (view.has_former()) upper.redirects = find_moved(view);
  std::sort(upper.redirects.begin(), upper.redirects.end(), [](const Redirect& one, const Redirect& two) {
    return std::tie(one.former, one.present) < std::tie(two.former, two.present);
  });
  Judge judge(view, renames);
  for (const auto& redirect : upper.redirects)
    if (judge.is_renamed(redirect)) renames.add(redirect.former, redirect.present);
  renames.drop_returned();
  if (!upper.impure && !view.has_former()) return renames;
  CopiedFiles copied;
  Walk(view, renames, copied).run();
  if (copied.files.empty()) return renames;
  FormerFiles former(copied, renames);
  Walk(view, renames, former).run();
  former.conclude();
  return renames;
}

}  // namespace unionroot::layers
