// Puts files into a session's tree, and keeps notes of what was skipped.
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
  // host_root, own_tree: as in FilesRequest. temporary: of TreeAccess.
  FileWriter(int root, std::string host_root, std::string temporary, bool own_tree)
      : tree_(root, std::move(temporary)), host_root_(std::move(host_root)), own_tree_(own_tree) {}

  [[nodiscard]] TreeAccess& tree() { return tree_; }
  // Nothing but these is written from now on.
  void write_only(std::vector<std::string> paths) { only_ = std::move(paths); }
  [[nodiscard]] std::string on_host(std::string_view path) const;

  void note(std::string text) { notes_.push_back(std::move(text)); }
  void skip(std::string_view path, std::string_view why);
  [[nodiscard]] std::vector<std::string> take_notes() { return std::move(notes_); }

  // A file of the host, or null with a note.
  std::shared_ptr<const HostFile> host_file(std::string_view path);

  // Whether the file may be written: what is protected in a tree of the session's own is so no more. Else a note.
  bool can_write(const std::string& path, const TreeFile& old);

  // Writes what is not there yet. `old`: what tree() reads there. A symlink is replaced even where it leads to the same
  // content: what it leads to may change, or go.
  void put(const std::string& path, const TreeFile& old, std::string_view content, const FileOwner& owner);

  // The same in a tree that others write to meanwhile. False, with a note, if the file is not `old` any more.
  bool replace(const std::string& path, const TreeFile& old, std::string_view content, const FileOwner& owner);
  // The files that were replaced.
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
