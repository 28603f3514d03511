#include "layers/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "kernel/open_beneath.h"
#include "layers/chain.h"

namespace unionroot::layers {

namespace {

constexpr std::size_t most_open = 128;
constexpr int readable_folder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

bool is_gone(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ESTALE; }

struct CloseDirectory {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

}  // namespace

bool Folder::is_upper() const { return layer_ < all_.uppers_; }

Folder::~Folder() {
  if (is_listed_) all_.open_.erase(place_);
  release_chain(std::move(parent_), &Folder::parent_);
}

std::string Folder::path() const {
  std::vector<const std::string*> names;
  for (const Folder* folder = this; folder->parent_; folder = folder->parent_.get()) names.push_back(&folder->name_);
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) path += (path.empty() ? "" : "/") + **name;
  return path;
}

int Folder::descriptor() {
  std::vector<Folder*> closed;  // from here up
  Folder* known = this;
  for (; !known->opened_; known = known->parent_.get()) closed.push_back(known);
  if (known->is_listed_) all_.open_.splice(all_.open_.begin(), all_.open_, known->place_);
  for (; !closed.empty(); closed.pop_back()) {
    Folder& folder = *closed.back();
    base::UniqueFd opened(kernel::try_open_beneath(known->opened_.get(), folder.name_, readable_folder, 0,
                                                   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV));
    if (!opened && is_gone(errno)) return -1;
    if (!opened) base::throw_errno("opening the folder", base::printable(folder.name_));
    struct stat status {};
    base::check(::fstat(opened.get(), &status), "looking at the folder", base::printable(folder.name_));
    if (!base::is_same_file(status, folder.status_)) return -1;
    all_.keep(folder, std::move(opened));
    known = &folder;
  }
  return opened_.get();
}

void OpenFolders::keep(Folder& folder, base::UniqueFd descriptor) {
  open_.push_front(&folder);
  folder.opened_ = std::move(descriptor);
  folder.place_ = open_.begin();
  folder.is_listed_ = true;
  if (open_.size() <= most_open) return;
  open_.back()->opened_.reset();
  open_.back()->is_listed_ = false;
  open_.pop_back();
}

FolderPtr OpenFolders::root(int descriptor, unsigned layer) {
  struct stat status {};
  base::check(::fstat(descriptor, &status), "looking at the root of a layer");
  auto folder = std::make_shared<Folder>(*this, layer, nullptr, std::string(), status);
  folder->opened_.reset(base::check(::openat(descriptor, ".", readable_folder), "opening the root of a layer"));
  return folder;
}

FolderPtr OpenFolders::child(const FolderPtr& parent, const std::string& name, int handle, const struct stat& status) {
  base::UniqueFd opened(::openat(handle, ".", readable_folder));
  if (!opened && is_gone(errno)) return nullptr;
  if (!opened) base::throw_errno("opening the folder", base::printable(name));
  auto folder = std::make_shared<Folder>(*this, parent->layer(), parent, name, status);
  keep(*folder, std::move(opened));
  return folder;
}

std::vector<FolderPtr>::const_iterator FolderStack::first_lower() const {
  return std::find_if(folders.begin(), folders.end(), [](const FolderPtr& folder) { return !folder->is_upper(); });
}

bool FolderStack::same_lowers(const FolderStack& other) const {
  return std::equal(first_lower(), folders.end(), other.first_lower(), other.folders.end(),
                    [](const FolderPtr& one, const FolderPtr& two) { return one->is(*two); });
}

std::vector<Listed> list(Folder& folder, std::size_t most) {
  std::vector<Listed> names;
  const int descriptor = folder.descriptor();
  if (descriptor < 0) return names;
  base::UniqueFd own(::openat(descriptor, ".", readable_folder));  // with an offset of its own
  if (!own && is_gone(errno)) return names;
  if (!own) base::throw_errno("opening a folder");
  const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(own.get()));
  if (!stream) base::throw_errno("reading a folder");
  static_cast<void>(own.release());
  while (names.size() < most) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back({std::move(name), entry->d_type});
  }
  if (errno != 0 && !is_gone(errno)) base::throw_errno("reading a folder");
  return names;
}

}  // namespace unionroot::layers
