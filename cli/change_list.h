// The change list of a session, read from the daemon's pipe (Diff in org.unionroot1.xml).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/manager.h"

namespace unionroot::cli {

// The texts of one change. Paths begin with a slash.
struct ListedChange {
  char kind = 'A';
  std::string path, former;
  std::string what;   // "content,mode"
  std::string group;  // "0": it has no other names
  std::string before, now;
};

// Returns the number of changes. Throws Error if there is no list, or if it is incomplete.
std::size_t read_changes(int pipe, const std::function<void(const ListedChange&)>& take);

// Asks the daemon for the list. paths: within the session; empty: all.
std::size_t list_changes(Manager& manager, const std::string& session, const std::vector<std::string>& paths,
                         const std::function<void(const ListedChange&)>& take);

}  // namespace unionroot::cli
