// The files that schroot's set-up scripts read first, `. "$SETUP_DATA_DIR/common-functions"`: of etc/setup, compiled
// in.
#pragma once

#include <string>

namespace unionroot::session {

// Writes them into <runtime>/setup, where they are not as they should be, and returns that folder. Throws SystemError.
std::string ensure_setup_data(const std::string& runtime_directory);

}  // namespace unionroot::session
