#include "layers/view.h"

#include <fcntl.h>
#include <linux/openat2.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "kernel/open_beneath.h"
#include "layers/planted.h"

namespace unionroot::layers {

using base::Error;
using base::ErrorCode;

// The state of one lookup, over all layers; the kernel's struct ovl_lookup_data.
struct View::Search {
  std::string name;  // a redirect changes it: what is looked for in the layers below; absolute: from their roots on
  bool is_folder = false;
  bool metacopy = false;  // what was found last has no content of its own
  bool stop = false;      // layers further down do not matter
  bool redirected = false;
};

struct View::Hit {
  FolderPtr folder;  // if it is one
  base::UniqueFd handle;
  struct stat status {};
  Marks marks;
};

nlink_t Entry::links() const {
  // "U+2": the upper layer's count and two more; "L" is counted from the lower file, and used only at copying up.
  if (marks.links.size() < 3 || marks.links[0] != 'U') return status.st_nlink;
  const auto number = base::parse_unsigned(std::string_view(marks.links).substr(2)).value_or(0);
  return marks.links[1] == '-' ? status.st_nlink - number : status.st_nlink + number;
}

View::View(const std::vector<int>& lowers, int upper, const Options& options, const std::vector<int>& former)
    : options_(options), open_(static_cast<unsigned>(former.size() + 1)) {
  const auto root = [&](int descriptor) {
    auto entry = std::make_shared<Entry>();
    base::check(::fstat(descriptor, &entry->status), "looking at the root of a layer");
    entry->handle.reset(base::check(::openat(descriptor, ".", O_PATH | O_CLOEXEC), "opening the root of a layer"));
    entry->marks = read_marks(entry->handle.get(), entry->status, options_);
    return entry;
  };
  const auto whole = root(upper);
  const auto lower = root(lowers.at(0));
  whole->in_upper = true;
  unsigned layer = 0;
  whole->folders.folders.push_back(open_.root(upper, layer++));
  for (const int descriptor : former) whole->folders.folders.push_back(open_.root(descriptor, layer++));
  for (const int descriptor : lowers) {
    lower->folders.folders.push_back(open_.root(descriptor, layer++));
    whole->folders.folders.push_back(lower->folders.folders.back());
  }
  upper_root_ = whole;
  lower_root_ = lower;
}

// One name in one folder; ovl_lookup_single. `before` and `rest` are the parts of search.name around it.
std::optional<View::Hit> View::look_once(const FolderPtr& base, Search& search, const std::string& name,
                                         std::size_t before, const std::string& rest) {
  const int folder = base->descriptor();
  if (folder < 0) return std::nullopt;
  Hit hit;
  hit.handle.reset(kernel::try_open_beneath(folder, name, O_PATH | O_NOFOLLOW, 0,
                                            RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV));
  if (!hit.handle) {
    if (errno == ENOENT || errno == ENAMETOOLONG || errno == ESTALE) return std::nullopt;
    base::throw_errno("looking at", base::printable(name));
  }
  base::check(::fstat(hit.handle.get(), &hit.status), "looking at", base::printable(name));
  hit.marks = read_marks(hit.handle.get(), hit.status, options_);
  const bool last = rest.empty();
  if (hit.marks.whiteout) {
    search.stop = true;
    return std::nullopt;
  }
  if (!S_ISDIR(hit.status.st_mode)) {
    if (search.is_folder || !last || (search.metacopy && !S_ISREG(hit.status.st_mode))) {
      search.stop = true;
      return std::nullopt;
    }
    search.metacopy = hit.marks.metacopy && !planted(2);
    search.stop = !search.metacopy;
    if (!search.metacopy) return hit;
  } else {
    if (last && search.metacopy) {
      search.stop = true;
      return std::nullopt;
    }
    hit.folder = open_.child(base, name, hit.handle.get(), hit.status);
    if (!hit.folder) return std::nullopt;
    if (last) search.is_folder = true;
    if (hit.marks.opaque && !planted(3)) {
      search.stop = true;
      return hit;
    }
  }
  if (hit.marks.redirect) {
    const auto& redirect = *hit.marks.redirect;
    search.redirected = true;
    if (redirect.front() == '/')
      search.stop = false;  // whatever lay on the way was opaque
    else if (planted(4))
      return hit;
    search.name = (redirect.front() == '/' ? redirect : search.name.substr(0, before) + redirect) + rest;
  }
  return hit;
}

// A name, or a path from the layer's root on; ovl_lookup_layer. What is found on the way may change the name for the
// layers below, but not what is behind it.
std::optional<View::Hit> View::look_in_layer(FolderPtr base, Search& search) {
  if (search.name.front() != '/') return look_once(base, search, std::string(search.name), 0, "");
  for (std::size_t left = search.name.size() - 1;;) {
    const auto before = search.name.size() - left;
    const auto tail = search.name.substr(before);
    const auto end = std::min(tail.find('/'), tail.size());
    const auto rest = tail.substr(end);
    auto hit = look_once(base, search, tail.substr(0, end), before, rest);
    if (!hit || rest.empty()) return hit;
    base = hit->folder;
    left -= end + 1;
  }
}

void View::take(Entry& entry, bool first, Hit hit) const {
  if (hit.folder) entry.folders.folders.push_back(std::move(hit.folder));
  if (!first) {
    if (S_ISDIR(entry.status.st_mode)) return;
    entry.data = std::move(hit.handle);
    entry.data_status = hit.status;
    return;
  }
  entry.status = hit.status;
  entry.marks = std::move(hit.marks);
  entry.handle = std::move(hit.handle);
}

EntryPtr View::look(const FolderStack& parent, const std::string& name) {
  Search search;
  search.name = name;
  auto entry = std::make_shared<Entry>();
  bool found = false;
  const auto* stack = &parent.folders;
  const auto& roots = upper_root_->folders.folders;  // by their layers
  std::size_t next = 0;
  if (!stack->empty() && stack->front()->layer() == 0) {
    if (auto hit = look_in_layer(stack->front(), search)) {
      entry->in_upper = true;
      take(*entry, true, std::move(*hit));
      found = true;
    }
    next = 1;
    if (search.name.front() == '/') stack = &roots;
  }
  for (; !search.stop && next < stack->size(); ++next) {
    const bool needs_content = search.metacopy;
    if (search.redirected && !options_.follow_redirects)
      throw Error(ErrorCode::failed, base::concat(base::printable(name),
                                                  " was renamed with redirect_dir=on, and the "
                                                  "overlay's options do not follow that"));
    auto hit = look_in_layer((*stack)[next], search);
    if (!hit) continue;
    if ((needs_content || search.metacopy) && !options_.metacopy)
      throw Error(ErrorCode::failed, base::concat(base::printable(name),
                                                  " was copied up with metacopy=on, which the "
                                                  "overlay's options have not"));
    const auto layer = hit->folder ? hit->folder->layer() : (*stack)[next]->layer();
    if (!found) entry->in_upper = (*stack)[next]->is_upper();
    take(*entry, !found, std::move(*hit));
    found = true;
    if (!search.stop && search.name.front() == '/' && stack != &roots) {
      stack = &roots;
      next = layer;
    }
  }
  if (found && search.metacopy)
    throw Error(ErrorCode::failed, base::concat("the content of ", base::printable(name), " is in no lower layer"));
  return found ? entry : nullptr;
}

EntryPtr View::look_in_uppermost(const FolderStack& parent, const std::string& name) {
  Search search;
  search.name = name;
  auto hit = look_in_layer(parent.folders.front(), search);
  if (!hit) return nullptr;
  auto entry = std::make_shared<Entry>();
  entry->in_upper = parent.has_upper();
  take(*entry, true, std::move(*hit));
  return entry;
}

EntryPtr View::resolve(const EntryPtr& root, const std::string& path) {
  auto entry = root;
  for (const auto& name : base::split(path, '/')) {
    if (!entry || !entry->is_folder()) return nullptr;
    entry = look(entry->folders, name);
  }
  return entry;
}

bool View::are_files(const FolderStack& now, const FolderStack& before, const std::string& name) {
  const auto is_file = [&](Folder& folder) {
    const int descriptor = folder.descriptor();
    struct stat status {};
    if (descriptor < 0 || ::fstatat(descriptor, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
    // A device may be a whiteout, and so may an empty file.
    return S_ISLNK(status.st_mode) || (S_ISREG(status.st_mode) && status.st_size != 0);
  };
  return !now.folders.empty() && !before.folders.empty() && is_file(*now.folders.front()) &&
         is_file(*before.folders.front());
}

std::vector<std::string> View::names(const FolderStack& stack, bool upper_only) {
  std::vector<std::string> all;
  for (const auto& folder : stack.folders) {
    if (upper_only && !folder->is_upper()) break;
    for (auto& listed : list(*folder)) all.push_back(std::move(listed.name));
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace unionroot::layers
