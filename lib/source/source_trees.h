// The trees that sessions on a definition stand on, as the lock protocol knows them. The one place that knows: were the
// daemon and `unionroot lock` to see it differently, they would not exclude each other.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "definition/definition.h"

namespace unionroot::source {

struct SourceTree {
  std::string path;        // for people
  std::string key;         // locks::tree_key, file_key ...
  bool exclusive = false;  // the session writes to it: its lock is that of a change, whatever kind of session it is
};

// In the order in which they are to be locked, each once, so that two who lock several never wait for each other.
// Changes nothing. Throws Error naming the chroot and what is missing.
std::vector<SourceTree> source_trees(const definition::Definition& definition);

// Puts trees from several places into that order.
void order_for_locking(std::vector<SourceTree>& trees);

// Where a file really is, symbolic links followed, so that a change replaces the file and not a link to it.
struct FilePlace {
  std::string path, folder, name;
};
FilePlace place_of_file(const std::string& path);

// An O_PATH descriptor of a directory that a definition names. Throws Error(stage_failed) if it is not there or not a
// directory.
base::UniqueFd open_directory(const std::string& chroot, const std::string& path);

// A block device that a definition names, opened with these flags and close-on-exec; `what` it is to the chroot, for
// messages. Throws Error(stage_failed) if it is not there or not a block device.
base::UniqueFd open_device(const std::string& chroot, const std::string& what, const std::string& path, int flags);

}  // namespace unionroot::source
