// The trees of a definition, as the lock protocol knows them.
#pragma once

#include <string>
#include <vector>

#include "definition/definition.h"

namespace unionroot::cli {

struct SourceTree {
  std::string path;  // for people
  std::string key;   // locks::tree_key or file_key
};

// Every tree that a session on the definition stands on, in the order in which they are to be locked (by key, each
// once, so that two who lock several cannot wait for each other). Throws Error if one is not there, or if the type
// has no tree that could be locked.
std::vector<SourceTree> source_trees(const definition::Definition& definition);

}  // namespace unionroot::cli
