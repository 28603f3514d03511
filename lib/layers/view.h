// What an overlay shows at a name, found out from its layers as overlayfs does (fs/overlayfs/namei.c, ovl_lookup).
#pragma once

#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "layers/folder.h"
#include "layers/marks.h"
#include "layers/options.h"

namespace unionroot::layers {

// What is shown at a name. Its owner, mode, times and attributes are those of its uppermost part.
struct Entry {
  bool in_upper = false;  // its uppermost part is in the upper layer, or in a former one
  struct stat status {};
  Marks marks;
  base::UniqueFd handle;  // by O_PATH, of its uppermost part
  FolderStack folders;    // of a folder; else empty
  // Of a file whose uppermost part has no content of its own (metacopy): what has it.
  base::UniqueFd data;
  struct stat data_status {};

  [[nodiscard]] bool is_folder() const { return S_ISDIR(status.st_mode); }
  [[nodiscard]] mode_t type() const { return status.st_mode & S_IFMT; }
  [[nodiscard]] int content() const { return data ? data.get() : handle.get(); }
  [[nodiscard]] const struct stat& content_status() const { return data ? data_status : status; }
  [[nodiscard]] nlink_t links() const;  // as the overlay shows it
};
using EntryPtr = std::shared_ptr<const Entry>;

class View {
 public:
  // Descriptors of the layers' roots, readable, top first. They are duplicated. former: upper layers that were frozen,
  // and lie between both now; what they have is part of what changed. Throws SystemError.
  View(const std::vector<int>& lowers, int upper, const Options& options, const std::vector<int>& former = {});

  [[nodiscard]] EntryPtr upper_root() const { return upper_root_; }  // the whole overlay's root
  // Whether there are upper layers beneath the upper one.
  [[nodiscard]] bool has_former() const {
    return upper_root_->folders.folders.size() > lower_root_->folders.folders.size() + 1;
  }
  [[nodiscard]] EntryPtr lower_root() const { return lower_root_; }  // that of the lower layers alone

  // nullptr: nothing is shown there. Without the upper layer if `parent` is. Throws SystemError, and Error(failed) for
  // what the overlay's options refuse as well.
  EntryPtr look(const FolderStack& parent, const std::string& name);
  // The same from a root on; "" is the root itself.
  EntryPtr resolve(const EntryPtr& root, const std::string& path);
  // What the uppermost folder alone has, whatever that means for those below.
  EntryPtr look_in_uppermost(const FolderStack& parent, const std::string& name);

  // Whether it is clear at a glance that both show a file or link of that name. Cheaper than two looks.
  static bool are_files(const FolderStack& now, const FolderStack& before, const std::string& name);
  // The names in the folders, sorted, each once; some of them may not be shown. upper_only: those of the upper layer
  // and its former ones.
  static std::vector<std::string> names(const FolderStack& stack, bool upper_only);

 private:
  struct Search;
  struct Hit;
  std::optional<Hit> look_in_layer(FolderPtr base, Search& search);
  std::optional<Hit> look_once(const FolderPtr& base, Search& search, const std::string& name, std::size_t before,
                               const std::string& rest);
  void take(Entry& entry, bool first, Hit hit) const;

  const Options options_;
  OpenFolders open_;
  EntryPtr upper_root_, lower_root_;
};

}  // namespace unionroot::layers
