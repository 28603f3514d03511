// The trees behind a definition: what is opened, what is locked.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "definition/definition.h"
#include "definition/settings.h"

namespace unionroot::session {

struct SourceTree {
  std::string path;   // for people
  std::string key;    // locks::tree_key or file_key
};

// Every tree that a session of this definition stands on, in the order of their keys, so that two sessions that lock
// several never wait for each other. Throws Error naming the chroot and what is missing.
std::vector<SourceTree> source_trees(const definition::Definition& definition);

// The directories that become lower layers, top first. Throws Error(not_supported) for a type that has none.
std::vector<std::string> lower_directories(const definition::Definition& definition);

// An O_PATH descriptor of a source directory. Throws Error(stage_failed): not there, not a directory, or (a live upper
// layer as somebody's lower layer is undefined behaviour in overlayfs) inside the daemon's own sessions folder.
base::UniqueFd open_source_directory(const definition::Settings& settings, const std::string& chroot,
                                     const std::string& path);

}  // namespace unionroot::session
