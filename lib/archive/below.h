// Private to archive: the layers beneath a layer, merged as overlayfs shows them.
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

  // An O_PATH descriptor of what the merged layers have at `path` (relative, without "." and ".."; empty: the root).
  // Empty if they have nothing there. No symbolic link is followed: nothing is found behind one. Throws SystemError.
  [[nodiscard]] base::UniqueFd find(const std::string& path) const;

 private:
  std::vector<int> layers_;
};

// The text of a symbolic link. `file`: an O_PATH descriptor of the link itself.
std::string target_of(int file);

}  // namespace unionroot::archive::detail
