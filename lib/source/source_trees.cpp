#include "source/source_trees.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <memory>
#include <variant>

#include "base/error.h"
#include "base/text.h"
#include "locks/source_lock.h"

namespace unionroot::source {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

struct TreesOf {
  const definition::Definition& definition;
  using Trees = std::vector<SourceTree>;

  Trees operator()(const definition::DirectorySource& source) const { return {directory(source.directory)}; }
  Trees operator()(const definition::FileSource& source) const { return {file(source.file)}; }
  Trees operator()(const definition::ImageSource& source) const { return {disk(file(source.file))}; }
  Trees operator()(const definition::LoopbackSource& source) const { return {disk(file(source.file))}; }
  Trees operator()(const definition::BlockDeviceSource& source) const { return {disk(device(source.device))}; }
  Trees operator()(const definition::BtrfsSnapshotSource& source) const { return {directory(source.source_subvolume)}; }
  Trees operator()(const definition::LvmSnapshotSource& source) const { return {device(source.device)}; }
  Trees operator()(const definition::OciSource& source) const { return {directory(source.directory)}; }
  Trees operator()(const definition::LayersSource& source) const {
    Trees trees;
    for (const auto& path : source.lower_directories) trees.push_back(directory(path));
    return trees;
  }
  Trees operator()(const definition::ZfsSnapshotSource& source) const {
    return {{source.dataset, locks::name_key(concat("zfs ", source.dataset))}};
  }
  Trees operator()(const definition::CustomSource& source) const {
    return {{concat("what the hooks of ", definition.name, " make"), locks::name_key("custom " + definition.name),
             !source.session_cloneable}};
  }

 private:
  [[nodiscard]] SourceTree directory(const std::string& path) const {
    return {path, locks::tree_key(open_directory(definition.name, path).get())};
  }
  [[nodiscard]] SourceTree device(const std::string& path) const {
    return {path, locks::device_key(open_device(definition.name, "device", path, O_PATH).get())};
  }
  [[nodiscard]] SourceTree file(const std::string& path) const {
    const auto place = place_of_file(path);
    return {place.path, locks::file_key(open_directory(definition.name, place.folder).get(), place.name)};
  }
  // Without a union the session mounts the disk for writing. So it needs it exclusively.
  [[nodiscard]] SourceTree disk(SourceTree tree) const {
    tree.exclusive = !definition.has_union();
    return tree;
  }
};

}  // namespace

FilePlace place_of_file(const std::string& path) {
  boost::system::error_code missing;
  auto resolved = boost::filesystem::canonical(path, missing);
  if (missing) resolved = path;
  return {resolved.string(), resolved.parent_path().string(), resolved.filename().string()};
}

base::UniqueFd open_directory(const std::string& chroot, const std::string& path) {
  base::UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (directory) return directory;
  const int problem = errno;
  if (problem == ENOENT || problem == ENOTDIR)
    throw Error(ErrorCode::stage_failed,
                concat("chroot ", chroot, ": its directory ", path,
                       problem == ENOENT ? " does not exist" : " is not a directory"),
                "make the tree (for example: mmdebstrap --variant=buildd bookworm DIR) or correct the path in its "
                "definition; `unionroot check` shows where that is");
  throw base::SystemError(problem, concat("chroot ", chroot, ": opening its directory ", path));
}

base::UniqueFd open_device(const std::string& chroot, const std::string& what, const std::string& path, int flags) {
  base::UniqueFd device(::open(path.c_str(), flags | O_CLOEXEC));
  if (!device) {
    const int problem = errno;
    if (problem == ENOENT || problem == ENOTDIR)
      throw Error(ErrorCode::stage_failed, concat("chroot ", chroot, ": its ", what, " ", path, " does not exist"),
                  "attach it, or correct the path in its definition; `unionroot check` shows where that is");
    throw base::SystemError(problem, concat("chroot ", chroot, ": opening its ", what, " ", path));
  }
  struct stat found {};
  base::check(::fstat(device.get(), &found), "looking at", path);
  if (!S_ISBLK(found.st_mode))
    throw Error(ErrorCode::stage_failed, concat("chroot ", chroot, ": its ", what, " ", path, " is not a block device"),
                S_ISREG(found.st_mode) ? "for a file use type=loopback or type=image" : "");
  return device;
}

void order_for_locking(std::vector<SourceTree>& trees) {
  std::sort(trees.begin(), trees.end(),
            [](const auto& a, const auto& b) { return a.key != b.key ? a.key < b.key : a.exclusive > b.exclusive; });
  const auto same = [](const auto& a, const auto& b) { return a.key == b.key; };
  trees.erase(std::unique(trees.begin(), trees.end(), same), trees.end());
}

std::vector<SourceTree> source_trees(const definition::Definition& definition) {
  auto trees = std::visit(TreesOf{definition}, definition.source);
  order_for_locking(trees);
  return trees;
}

}  // namespace unionroot::source
