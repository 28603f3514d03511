// Parses the keyfile grammar of schroot.conf(5), with line numbers. Pure.
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
  std::string name;   // empty if the header is malformed; then the section is broken
  unsigned line = 0;  // of the section header
  std::vector<KeyfileEntry> entries;
  bool broken = false;  // at least one of its lines has an error, which is in the problems

  [[nodiscard]] const KeyfileEntry* find(std::string_view key) const;
};

struct Keyfile {
  std::string file;
  std::vector<KeyfileSection> sections;  // in the order of the file
  Problems problems;
};

// Never throws for errors in the text. An error makes only its own section broken. If two sections have the same name,
// the later one is broken.
Keyfile parse_keyfile(std::string_view text, const std::string& file);

}  // namespace unionroot::definition
