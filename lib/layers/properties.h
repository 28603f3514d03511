// Owner, mode, time and attributes of what is written again, or copied.
#pragma once

#include <map>
#include <string>

#include "layers/changes.h"

namespace unionroot::layers {

// By descriptor; each throws SystemError.
void set_time(int file, const Facts& facts);
// Owner and mode; with `attributes` these are all that it has afterwards, but for overlayfs's own.
void set_properties(int folder, const Facts& facts, const std::map<std::string, std::string>* attributes,
                    const Options& options);

}  // namespace unionroot::layers
