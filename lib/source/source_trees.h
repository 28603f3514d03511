// The source trees of a definition, with the keys of their locks. The daemon and `unionroot lock` both use this code.
// If they computed different keys, they would not exclude each other.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "definition/definition.h"

namespace unionroot::source {

struct SourceTree {
  std::string path;        // for people
  std::string key;         // locks::tree_key, file_key ...
  bool exclusive = false;  // the session writes to the tree; it needs a source lock even if it is no source session
};

// Returns the trees in locking order, each once. All programs use this order, so they cannot deadlock. Changes nothing.
// Throws Error that names the chroot and what is missing.
std::vector<SourceTree> source_trees(const definition::Definition& definition);

// Sorts trees into locking order and removes duplicates.
void order_for_locking(std::vector<SourceTree>& trees);

// The real path of a file, with symlinks resolved. A change then replaces the file, not a symlink to it.
struct FilePlace {
  std::string path, folder, name;
};
FilePlace place_of_file(const std::string& path);

// Opens a directory that a definition names, with O_PATH. Throws Error(stage_failed) if it does not exist or is not a
// directory.
base::UniqueFd open_directory(const std::string& chroot, const std::string& path);

// Opens a block device that a definition names, with these flags and close-on-exec. what: the device's role, for
// messages. Throws Error(stage_failed) if it does not exist or is not a block device.
base::UniqueFd open_device(const std::string& chroot, const std::string& what, const std::string& path, int flags);

}  // namespace unionroot::source
