// execvpe, inside the session.
#pragma once

#include "launch/helper/spec_reader.h"

namespace unionroot::helper {

// Executes spec.file: as it is if it has a slash, else the first along the PATH of the command's own environment. A
// file that the kernel does not know is given to /bin/sh, as execvp(3) does. Returns an errno value if it failed;
// file_exists: it was found nevertheless.
int execute(const Spec& spec, bool& file_exists);

}  // namespace unionroot::helper
