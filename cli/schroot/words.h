// Splits a command line into options and other words. The rules are those of the library that schroot uses
// (Boost.Program_options, unix_style).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schroot/messages.h"

namespace unionroot::schroot {

struct Option {
  std::string_view name;  // without the dashes
  char letter = '\0';     // '\0': none
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

// Options may stand anywhere before "--". Long options may be shortened while they are unambiguous. A word that is the
// letter of a known option is never the value of another option; any other word may be. Throws Mistake.
Words parse_words(const std::vector<std::string>& words, std::span<const Option> known);

}  // namespace unionroot::schroot
