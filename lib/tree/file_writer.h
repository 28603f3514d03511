// Writes files into a session's tree, and notes what it skipped.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tree/host_files.h"
#include "tree/tree_access.h"
#include "tree/written_file.h"

namespace unionroot::tree {

struct FileOwner {
  mode_t mode = 0644;
  uid_t uid = 0;
  gid_t gid = 0;
};

class FileWriter {
 public:
  // host_root, own_tree: as in FilesRequest. temporary: as for TreeAccess.
  FileWriter(int root, std::string host_root, std::string temporary, bool own_tree)
      : tree_(root, std::move(temporary)), host_root_(std::move(host_root)), own_tree_(own_tree) {}

  [[nodiscard]] TreeAccess& tree() { return tree_; }
  void write_only(std::vector<std::string> paths) { only_ = std::move(paths); }
  [[nodiscard]] std::string on_host(std::string_view path) const;

  void note(std::string text) { notes_.push_back(std::move(text)); }
  void skip(std::string_view path, std::string_view why);
  [[nodiscard]] std::vector<std::string> take_notes() { return std::move(notes_); }

  // Reads a file of the host. Returns null, with a note, if that fails.
  std::shared_ptr<const HostFile> host_file(std::string_view path);

  // True if the file may be written. In the session's own tree this removes the immutable and append-only attributes.
  // False with a note, or without one for a path that write_only() excludes.
  bool can_write(const std::string& path, const TreeFile& old);

  // Writes the file unless it is there already. `old`: what tree() read there. A symlink is always replaced: its target
  // may change or vanish.
  void put(const std::string& path, const TreeFile& old, std::string_view content, const FileOwner& owner);

  // As put(), for a tree that others write to as well. Returns false, with a note, if the file has changed since `old`
  // was read.
  bool replace(const std::string& path, const TreeFile& old, std::string_view content, const FileOwner& owner);
  // Records a file that was replaced.
  void wrote(WrittenFile file) { written_.push_back(std::move(file)); }
  [[nodiscard]] std::vector<WrittenFile> take_written() { return std::move(written_); }

 private:
  TreeAccess tree_;
  std::string host_root_;
  bool own_tree_;
  std::optional<std::vector<std::string>> only_;
  std::vector<std::string> notes_;
  std::vector<WrittenFile> written_;
};

}  // namespace unionroot::tree
