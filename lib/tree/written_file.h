// What was written into a tree that others write to as well.
#pragma once

#include <sys/stat.h>

#include <string>

namespace unionroot::tree {

struct WrittenFile {
  std::string path;         // relative to the tree's root
  struct stat status {};    // by the descriptor with which it was written
  bool was_absent = false;  // nobody had a file of that name
};

}  // namespace unionroot::tree
