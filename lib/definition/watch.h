// Watches folders for changes, including folders that do not exist yet. inotify(7).
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/unique_fd.h"

namespace unionroot::definition {

// Not thread-safe.
class FolderWatch {
 public:
  FolderWatch();  // descriptor() is -1 if inotify is not available (logged)

  [[nodiscard]] int descriptor() const { return inotify_.get(); }

  // Watches these folders and no others. For a missing folder it watches the nearest existing parent, for the name on
  // the path to the folder. Returns true if a folder is watched that was not watched before: an earlier reading may be
  // outdated.
  bool watch(const std::set<std::string>& folders);

  // Reads all events. Returns true if one of them concerns a watched folder.
  bool drain();

 private:
  struct Watched {
    bool everything = false;
    std::set<std::string> names;  // if not `everything`: the names to watch
  };

  void add(const std::string& folder, const std::string& name, std::map<int, Watched>& watched);

  base::UniqueFd inotify_;
  std::map<int, Watched> watched_;
  bool limit_reported_ = false;
};

}  // namespace unionroot::definition
