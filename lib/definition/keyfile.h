// The keyfile grammar of schroot.conf(5), with line numbers. Pure: text in, values and problems out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "definition/problem.h"

namespace unionroot::definition {

struct KeyfileEntry {
  std::string key;
  std::string value;
  unsigned line = 0;
};

struct KeyfileSection {
  std::string name;   // empty if the header could not be read; then it is broken
  unsigned line = 0;  // of the header
  std::vector<KeyfileEntry> entries;
  bool broken = false;  // at least one of its lines is an error, which is among the problems

  [[nodiscard]] const KeyfileEntry* find(std::string_view key) const;
};

struct Keyfile {
  std::string file;
  std::vector<KeyfileSection> sections;  // in the order of the file
  Problems problems;
};

// Never throws for what is in the text. An error takes out the section it is in and no other; of two sections with one
// name the later one is broken.
Keyfile parse_keyfile(std::string_view text, const std::string& file);

}  // namespace unionroot::definition
