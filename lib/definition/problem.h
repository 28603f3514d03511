// An error, a warning or a notice about a configuration file.
#pragma once

#include <string>
#include <vector>

namespace unionroot::definition {

struct Problem {
  enum class Severity { notice, warning, error };
  Severity severity = Severity::error;
  std::string file;
  unsigned line = 0;    // 0: the whole file
  std::string section;  // the definition that it makes unusable, if any
  std::string message;  // what is wrong and what is expected

  [[nodiscard]] std::string text() const;  // "FILE:LINE: message"
};

using Problems = std::vector<Problem>;

}  // namespace unionroot::definition
