// A command line as words: which options it has, and what is left. The rules are those of the library that schroot
// parses with (Boost.Program_options, unix_style), as its users know them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schroot/messages.h"

namespace unionroot::schroot {

struct Option {
  std::string_view name;  // without the dashes
  char letter = '\0';     // '\0': it has none
  bool takes_value = false;
  bool repeats = false;
};

struct Given {
  const Option* option;
  std::string value;
};

struct Words {
  std::vector<Given> options;       // in order
  std::vector<std::string> others;  // the command
};

// Options are taken wherever they stand, until "--". Long ones may be cut short while that is unambiguous. A word that
// is the letter of a known option is never the value of another; every other word may be.
// Throws Mistake.
Words parse_words(const std::vector<std::string>& words, std::span<const Option> known);

}  // namespace unionroot::schroot
