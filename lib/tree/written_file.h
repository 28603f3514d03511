// A file that was written into a tree which others write to as well.
#pragma once

#include <sys/stat.h>

#include <string>

namespace unionroot::tree {

struct WrittenFile {
  std::string path;         // relative to the tree's root
  struct stat status {};    // taken from the descriptor that wrote it
  bool was_absent = false;  // no file had this name before
};

}  // namespace unionroot::tree
