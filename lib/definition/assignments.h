// Parses files of shell assignments, as schroot's profiles have them. Nothing in them is run.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "definition/problem.h"

namespace unionroot::definition {

struct Assignment {
  std::string name, value;
  unsigned line = 0;
};

// Returns the assignments in the order of the text. Understood are: NAME=VALUE, the shell's quotes, comments, `export`,
// $NAME and ${NAME}. A name gets its value from `variables` or from an earlier line. Anything else is an error in
// `problems`, because only a shell could interpret it.
std::vector<Assignment> parse_assignments(std::string_view text, const std::string& file,
                                          std::map<std::string, std::string> variables, Problems& problems);

}  // namespace unionroot::definition
