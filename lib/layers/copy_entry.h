// A copy of what an overlay shows at a name: content with its holes, owner, mode, times, and attributes but for
// overlayfs's own.
#pragma once

#include <functional>
#include <string>

#include "layers/view.h"

namespace unionroot::layers {

// As `name`, which is not there yet, in the folder; of a folder without what is in it. Nothing is followed, and only
// regular files are opened. Not synced. Throws SystemError, Error(cancelled).
void copy_entry(const Entry& entry, int folder, const std::string& name, const std::function<bool()>& stop);

}  // namespace unionroot::layers
