// The extended attributes of what a layer holds: overlayfs's own, and all others.
#pragma once

#include <sys/stat.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "layers/options.h"

namespace unionroot::layers {

// What overlayfs noted on a file or folder of a layer (fs/overlayfs/overlayfs.h). Each attribute was read once.
struct Marks {
  bool whiteout = false;  // the form as an attribute, or the device 0/0
  bool opaque = false;    // nothing of lower layers shows in it
  bool metacopy = false;  // its content is a lower layer's
  bool impure = false;    // a folder in which something may come from a lower layer
  std::optional<std::string> redirect;
  // The name of the attribute with the handle of what it was copied up from; empty: there is none.
  std::string origin;
  std::string links;                // how its link count is told from its layer's: "U+2", "L-1"; empty: it is that
  std::vector<std::string> others;  // the names of attributes that are not overlayfs's own
};

// handle: may be by O_PATH. Throws SystemError.
Marks read_marks(int handle, const struct stat& status, const Options& options);

// The values of attributes by name. One that is gone by now is left out.
std::map<std::string, std::string> read_values(int handle, const std::vector<std::string>& names);

}  // namespace unionroot::layers
