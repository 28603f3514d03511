// Trees for another machine: what runs their programs, if anything does.
#pragma once

#include <string>
#include <vector>

namespace unionroot::tree {

struct Foreign {
  std::vector<std::string> interpreters;  // absolute paths on the host that have to be in the session at the same path
  std::vector<std::string> notes;         // worth telling: nothing runs its programs, and what to install
};

// Looks at the /bin/sh of the tree at `root` (a descriptor of its root folder), resolved inside the tree, whatever it
// is there; and, if this machine does not run it by itself, at the entries of binfmt_misc in the folder `binfmt`. A
// tree without a shell, or with one that is no program at all, is no matter of this. Called in the host's mount
// namespace. Throws SystemError where the tree cannot be read.
Foreign look_for_foreign_programs(int root, const std::string& binfmt);

// True if the program in the host's file needs a dynamic loader: it would look for it in the session. False for what is
// no ELF program. Throws SystemError if it cannot be read.
bool needs_loader(const std::string& path);

}  // namespace unionroot::tree
