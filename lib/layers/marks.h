// The extended attributes of an entry of a layer: overlayfs's own, and all others.
#pragma once

#include <sys/stat.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "layers/options.h"

namespace unionroot::layers {

// overlayfs's marks on a file or folder of a layer (fs/overlayfs/overlayfs.h). Each attribute is read once.
struct Marks {
  bool whiteout = false;  // as an attribute, or as the device 0/0
  bool opaque = false;    // it hides what lower layers have in it
  bool metacopy = false;  // a lower layer has its content
  bool impure = false;    // a folder that may hold entries from a lower layer
  std::optional<std::string> redirect;
  // The name of the attribute that holds the file handle of the original; empty: there is none.
  std::string origin;
  std::string links;                // how its link count follows from the layer's: "U+2", "L-1"; empty: it is the same
  std::vector<std::string> others;  // the names of attributes other than overlayfs's
};

// handle: may be opened by O_PATH. Throws SystemError.
Marks read_marks(int handle, const struct stat& status, const Options& options);

// The values of attributes by name. An attribute that was removed meanwhile is left out. Throws SystemError.
std::map<std::string, std::string> read_values(int handle, const std::vector<std::string>& names);

}  // namespace unionroot::layers
