// Notices changes in folders, also in such as are not there yet. inotify(7).
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/unique_fd.h"

namespace unionroot::definition {

// Not thread-safe.
class FolderWatch {
 public:
  FolderWatch();  // descriptor() is -1 if inotify is not to be had, which is logged

  [[nodiscard]] int descriptor() const { return inotify_.get(); }

  // From now on these folders are watched, and no others. For one that is not there its nearest parent is, for the name
  // that leads to it. True if a folder is watched that was not before: what was read before may then be outdated.
  bool watch(const std::set<std::string>& folders);

  // Takes all events; true if one of them concerns a watched folder.
  bool drain();

 private:
  struct Watched {
    bool everything = false;
    std::set<std::string> names;  // if not everything: the names that count
  };

  void add(const std::string& folder, const std::string& name, std::map<int, Watched>& watched);

  base::UniqueFd inotify_;
  std::map<int, Watched> watched_;
  bool limit_reported_ = false;
};

}  // namespace unionroot::definition
