// execvpe(3) inside the session.
#pragma once

#include "launch/helper/spec_reader.h"

namespace unionroot::helper {

// What was found about a file that could not be executed.
struct Found {
  bool file_exists = false;            // ENOENT although the file exists: its interpreter is missing
  bool foreign = false;                // it is a program for another machine
  const char* architecture = nullptr;  // its name, if known
};

// Executes spec.file. With a slash it is a path; otherwise it is searched along the PATH of the command's environment.
// A text file that the kernel cannot execute goes to /bin/sh, as in execvp(3). Returns an errno value on failure.
int execute(const Spec& spec, Found& found);

}  // namespace unionroot::helper
