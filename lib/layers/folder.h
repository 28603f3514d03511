// Folders of layers, opened by descriptor one component after another. However many there are, few are open at once:
// a tree may be thousands deep.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <limits>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::layers {

class Folder;
class OpenFolders;
using FolderPtr = std::shared_ptr<Folder>;

class Folder {
 public:
  Folder(OpenFolders& all, unsigned layer, FolderPtr parent, std::string name, const struct stat& status)
      : all_(all), layer_(layer), parent_(std::move(parent)), name_(std::move(name)), status_(status) {}
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();

  [[nodiscard]] unsigned layer() const { return layer_; }  // 0: the upper layer; those beneath from 1 on, top first
  // Of the upper layer, or of one of its former ones.
  [[nodiscard]] bool is_upper() const;
  [[nodiscard]] bool is(const Folder& other) const {
    return layer_ == other.layer_ && status_.st_ino == other.status_.st_ino && status_.st_dev == other.status_.st_dev;
  }
  [[nodiscard]] ino_t inode() const { return status_.st_ino; }
  // Where it is in its layer, relative to the root.
  [[nodiscard]] std::string path() const;
  // Readable. Valid until another folder's is asked for. -1: it is not there any more, or another one is in its place.
  int descriptor();

 private:
  friend class OpenFolders;
  OpenFolders& all_;
  const unsigned layer_;
  FolderPtr parent_;  // none: the layer's root
  const std::string name_;
  const struct stat status_;
  base::UniqueFd opened_;
  bool is_listed_ = false;  // in OpenFolders, at place_: it is open, and no root
  std::list<Folder*>::iterator place_;
};

// Outlives its folders.
class OpenFolders {
 public:
  // uppers: how many of the layers, from 0 on, are the upper layer and its former ones.
  explicit OpenFolders(unsigned uppers = 1) : uppers_(uppers) {}
  // descriptor: of the layer's root, readable. It is duplicated. Throws SystemError.
  FolderPtr root(int descriptor, unsigned layer);
  // What `handle` (O_PATH) refers to, found as `name` in `parent`. nullptr: it cannot be opened any more.
  FolderPtr child(const FolderPtr& parent, const std::string& name, int handle, const struct stat& status);

 private:
  friend class Folder;
  void keep(Folder& folder, base::UniqueFd descriptor);

  const unsigned uppers_;
  std::list<Folder*> open_;  // the one that was used last comes first; roots are not in it
};

// What is shown at one place: the folders of the upper layer and its former ones, if there are any, and those of lower
// layers that they are merged with, top first.
struct FolderStack {
  std::vector<FolderPtr> folders;

  [[nodiscard]] bool has_upper() const { return !folders.empty() && folders.front()->is_upper(); }
  // Of lower layers alone.
  [[nodiscard]] std::vector<FolderPtr>::const_iterator first_lower() const;
  // Whether both show the same of lower layers.
  [[nodiscard]] bool same_lowers(const FolderStack& other) const;
};

struct Listed {
  std::string name;
  unsigned char type = 0;  // DT_*, readdir(3)
};

// What is in a folder, unsorted, without "." and "..", and no more than `most` of it. Nothing if it is not there any
// more. Throws SystemError.
std::vector<Listed> list(Folder& folder, std::size_t most = std::numeric_limits<std::size_t>::max());

}  // namespace unionroot::layers
