#include "session/source_tree.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "locks/source_lock.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

UniqueFd open_directory_of(const std::string& chroot, const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (directory) return directory;
  const int problem = errno;
  if (problem == ENOENT || problem == ENOTDIR)
    throw Error(ErrorCode::stage_failed,
                concat("chroot ", chroot, ": its directory ", path,
                       problem == ENOENT ? " does not exist" : " is not a directory"),
                "make the tree (for example: mmdebstrap --variant=buildd bookworm DIR) or mend `directory` in its "
                "definition; `unionroot check` shows where that is");
  throw base::SystemError(problem, concat("chroot ", chroot, ": opening its directory ", path));
}

// Lexically resolved and without symlinks, for comparing; the path itself if it cannot be resolved.
std::string canonical(const std::string& path) {
  const std::unique_ptr<char, decltype(&::free)> resolved(::realpath(path.c_str(), nullptr), &::free);
  return resolved ? resolved.get() : path;
}

bool is_beneath(const std::string& path, const std::string& folder) {
  return path == folder || path.rfind(folder + "/", 0) == 0;
}

}  // namespace

std::vector<std::string> lower_directories(const definition::Definition& definition) {
  if (const auto* directory = std::get_if<definition::DirectorySource>(&definition.source))
    return {directory->directory};
  if (const auto* layers = std::get_if<definition::LayersSource>(&definition.source)) return layers->lower_directories;
  throw Error(ErrorCode::not_supported,
              concat("chroot ", definition.name, ": sessions on type ", definition.type, " are not supported by this version"),
              "use type=directory with union-type=overlay on an unpacked tree");
}

UniqueFd open_source_directory(const definition::Settings& settings, const std::string& chroot, const std::string& path) {
  auto directory = open_directory_of(chroot, path);
  if (is_beneath(canonical(path), canonical(settings.state_directory + "/sessions")))
    throw Error(ErrorCode::stage_failed,
                concat("chroot ", chroot, ": its directory ", path, " is inside a session's own upper layer"),
                "copy the tree to a place outside the state directory first");
  return directory;
}

std::vector<SourceTree> source_trees(const definition::Definition& definition) {
  std::vector<SourceTree> trees;
  for (const auto& path : lower_directories(definition)) {
    const auto directory = open_directory_of(definition.name, path);
    trees.push_back({path, locks::tree_key(directory.get())});
  }
  std::sort(trees.begin(), trees.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  trees.erase(std::unique(trees.begin(), trees.end(), [](const auto& a, const auto& b) { return a.key == b.key; }),
              trees.end());
  return trees;
}

}  // namespace unionroot::session
