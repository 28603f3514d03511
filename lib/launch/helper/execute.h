// execvpe, inside the session.
#pragma once

#include "launch/helper/spec_reader.h"

namespace unionroot::helper {

// What was found where it could not be executed.
struct Found {
  bool file_exists = false;            // ENOENT although the file is there: its interpreter is missing
  bool foreign = false;                // it is a program for another machine
  const char* architecture = nullptr;  // which, if there is a word for it
};

// Executes spec.file: as it is if it has a slash, else the first along the PATH of the command's own environment. A
// file that the kernel does not know is given to /bin/sh, as execvp(3) does. Returns an errno value if it failed.
int execute(const Spec& spec, Found& found);

}  // namespace unionroot::helper
