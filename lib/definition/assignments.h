// Files of shell assignments, as schroot's profiles have them: text to values. Nothing in them is run.
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

// In the order of the text. NAME=VALUE, with the shell's quotes, comments, `export`, and the values of $NAME and
// ${NAME}: of `variables`, and of what was assigned above. Everything else is an error, and goes to problems: to know
// what it means it would have to be run.
std::vector<Assignment> parse_assignments(std::string_view text, const std::string& file,
                                          std::map<std::string, std::string> variables, Problems& problems);

}  // namespace unionroot::definition
