// Private to archive: the layers that a layer lies on, as overlayfs shows them together.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::archive::detail {

class Below {
 public:
  // Roots of unpacked layers, top first; borrowed.
  explicit Below(std::vector<int> layers) : layers_(std::move(layers)) {}

  [[nodiscard]] bool empty() const { return layers_.empty(); }

  // O_PATH, of what has this path (relative, without "." and ".."; empty: the root) in them; empty if nothing has.
  // No symlink is followed: where one is on the way, there is nothing. Throws SystemError.
  [[nodiscard]] base::UniqueFd find(const std::string& path) const;

 private:
  std::vector<int> layers_;
};

// Where a symlink leads, as it is written there. file: O_PATH, of the symlink itself.
std::string target_of(int file);

}  // namespace unionroot::archive::detail
