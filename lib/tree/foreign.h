// Trees for another machine: finds what can run their programs.
#pragma once

#include <string>
#include <vector>

namespace unionroot::tree {

struct Foreign {
  std::vector<std::string> interpreters;  // absolute paths on the host; each must exist in the session at the same path
  std::vector<std::string> notes;         // for the user: nothing runs the programs, and what to install
};

// Examines /bin/sh of the tree at `root`, a descriptor of its root folder. The path is resolved inside the tree. If it
// is for another machine, the binfmt_misc entries in the folder `binfmt` are read. A tree without a shell, or whose
// shell is no program, gives an empty result. Call it in the host's mount namespace. Throws SystemError if the tree
// cannot be read.
Foreign look_for_foreign_programs(int root, const std::string& binfmt);

// True if the program in the host's file needs a dynamic loader. The kernel would look for the loader in the session.
// False for a file that is no ELF program. Throws SystemError if the file cannot be read.
bool needs_loader(const std::string& path);

}  // namespace unionroot::tree
