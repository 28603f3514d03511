#include "cli/source_trees.h"

#include <fcntl.h>
#include <stdlib.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "locks/source_lock.h"

namespace unionroot::cli {

namespace {

base::UniqueFd open_path(const std::string& path, int flags) {
  const int descriptor = ::open(path.c_str(), O_PATH | O_CLOEXEC | flags);
  if (descriptor >= 0) return base::UniqueFd(descriptor);
  throw base::SystemError(errno, base::concat("opening the source tree ", path),
                          "see the definition: 'unionroot check' says where it is");
}

SourceTree whole(const std::string& path, int flags = 0) {
  return {path, locks::tree_key(open_path(path, flags).get())};
}

SourceTree device(const std::string& path) { return {path, locks::device_key(open_path(path, 0).get())}; }

// A file that a change replaces by another. What a symlink leads to is what is replaced.
SourceTree replaced(const std::string& given) {
  const std::unique_ptr<char, decltype(&::free)> resolved(::realpath(given.c_str(), nullptr), &::free);
  const std::string path = resolved ? resolved.get() : given;
  const auto slash = path.rfind('/');
  const auto folder = path.substr(0, slash == 0 ? 1 : slash);
  return {path, locks::file_key(open_path(folder, O_DIRECTORY).get(), path.substr(slash + 1))};
}

struct TreesOf {
  const definition::Definition& definition;
  using Trees = std::vector<SourceTree>;

  Trees operator()(const definition::DirectorySource& source) const { return {whole(source.directory, O_DIRECTORY)}; }
  Trees operator()(const definition::FileSource& source) const { return {replaced(source.file)}; }
  Trees operator()(const definition::ImageSource& source) const { return {replaced(source.file)}; }
  Trees operator()(const definition::LoopbackSource& source) const { return {replaced(source.file)}; }
  Trees operator()(const definition::BlockDeviceSource& source) const { return {device(source.device)}; }
  Trees operator()(const definition::BtrfsSnapshotSource& source) const {
    return {whole(source.source_subvolume, O_DIRECTORY)};
  }
  Trees operator()(const definition::LvmSnapshotSource& source) const { return {device(source.device)}; }
  Trees operator()(const definition::OciSource& source) const { return {whole(source.directory, O_DIRECTORY)}; }
  Trees operator()(const definition::LayersSource& source) const {
    Trees trees;
    for (const auto& directory : source.lower_directories) trees.push_back(whole(directory, O_DIRECTORY));
    return trees;
  }
  Trees operator()(const definition::ZfsSnapshotSource& source) const {
    return {{source.dataset, locks::name_key("zfs " + source.dataset)}};
  }
  Trees operator()(const definition::CustomSource&) const {
    return {{base::concat("what the hooks of ", definition.name, " make"), locks::name_key("custom " + definition.name)}};
  }
};

}  // namespace

std::vector<SourceTree> source_trees(const definition::Definition& definition) {
  auto trees = std::visit(TreesOf{definition}, definition.source);
  std::sort(trees.begin(), trees.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  const auto same = [](const auto& a, const auto& b) { return a.key == b.key; };
  trees.erase(std::unique(trees.begin(), trees.end(), same), trees.end());
  return trees;
}

}  // namespace unionroot::cli
