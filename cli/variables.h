// Variables that a command is to have: --env and --env-file.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace unionroot::cli {

class Variables {
 public:
  void declare(CLI::App& app);
  // NAME=VALUE each: those of the files, then those of the options; of one name the last counts. A name without a value
  // has that of this process, and is left out where there is none. Throws UsageError, or Error with FILE:LINE.
  [[nodiscard]] std::vector<std::string> read() const;

 private:
  std::vector<std::string> given_;
  std::vector<std::string> files_;
};

// The lines of such a file. Throws Error(invalid_argument) with FILE:LINE.
std::vector<std::string> variables_of(const std::string& text, const std::string& file);

}  // namespace unionroot::cli
