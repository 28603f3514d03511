// The undo layer of one apply: a folder of root's on the mount of the tree, with what is to get into the tree
// (new/NUMBER), what was taken out of it (old/NUMBER), and the journal: the steps, and how far they are.
//
// All that is done to the tree is to rename: whether a step is done can be seen from what the undo layer has, so
// whoever dies on the way is followed by somebody who goes on, or back. How far it is is told by the name of one file,
// which changes by a rename too, when all before it is on the disk.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "layers/apply_plan.h"

namespace unionroot::layers {

enum class ApplyPhase {
  prepared,   // copies are being made; the tree is as it was
  detaching,  // the tree is being changed: forward
  attaching,
  applied,      // at rest
  unattaching,  // and back
  undetaching,
  undone,  // the tree is as it was
};

class ApplyStore {
 public:
  // folder: its descriptor, readable; borrowed. tree: of the tree's root.
  ApplyStore(int folder, int tree);

  void make_folders();  // of an empty one
  [[nodiscard]] int fresh() const { return fresh_.get(); }
  [[nodiscard]] int former() const { return former_.get(); }
  [[nodiscard]] int tree() const { return tree_; }
  [[nodiscard]] int folder() const { return folder_; }

  // From here on the tree may be changed, and a later one goes on. Syncs the file system.
  void commit(const std::vector<ApplyStep>& steps, const Options& options);
  [[nodiscard]] std::vector<ApplyStep> steps() const;
  [[nodiscard]] Options options() const;
  [[nodiscard]] ApplyPhase phase() const;
  void set_phase(ApplyPhase phase);  // syncs the file system first

  // Small files beside the steps. nullopt: it is not there.
  void write(const std::string& name, const std::string& text) const;
  [[nodiscard]] std::optional<std::string> read(const std::string& name) const;

 private:
  [[nodiscard]] std::string require(const std::string& name) const;
  int folder_, tree_;
  base::UniqueFd fresh_, former_;
};

// Folders of a tree, each component opened beneath the one above, without links and other mounts. The last one that was
// asked for stays open.
class TreeFolders {
 public:
  explicit TreeFolders(int tree) : tree_(tree) {}
  // Readable; valid until the next call. Throws SystemError.
  int open(const std::string& path);
  // -1: it is not there.
  int find(const std::string& path);
  void forget() { opened_.reset(); }

 private:
  int tree_;
  std::string path_;
  base::UniqueFd opened_;
};

}  // namespace unionroot::layers
