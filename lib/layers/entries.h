// Whether a folder has another time for what came, went or was changed in it.
#pragma once

#include <string>

#include "layers/renames.h"
#include "layers/view.h"

namespace unionroot::layers {

// Whether an entry of the folder is listed as anything but P. Contents come last: they are read for it.
bool entries_changed(View& view, const Renames& renames, const std::string& path, const Entry& now,
                     const std::string& former, const Entry& before);

}  // namespace unionroot::layers
