// Something wrong, or worth a word, in a configuration file.
#pragma once

#include <string>
#include <vector>

namespace unionroot::definition {

struct Problem {
  enum class Severity { notice, warning, error };
  Severity severity = Severity::error;
  std::string file;
  unsigned line = 0;    // 0: the whole file
  std::string section;  // the definition it takes out, if any
  std::string message;  // what is wrong, what is expected

  [[nodiscard]] std::string text() const;  // "FILE:LINE: message"
};

using Problems = std::vector<Problem>;

}  // namespace unionroot::definition
