// The files that schroot's set-up scripts read first, `. "$SETUP_DATA_DIR/common-functions"`. They come from etc/setup
// and are compiled in.
#pragma once

#include <string>

namespace unionroot::session {

// Writes the files into <runtime>/setup unless they are already correct, and returns that folder. Throws SystemError.
std::string ensure_setup_data(const std::string& runtime_directory);

}  // namespace unionroot::session
