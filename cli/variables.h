// A command's variables: --env and --env-file.
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
  // Returns NAME=VALUE entries: those of the files, then those of the options. The last entry of a name counts. A NAME
  // without a value takes the value of this process, and is left out if there is none. Throws UsageError, or Error with
  // FILE:LINE.
  [[nodiscard]] std::vector<std::string> read() const;

 private:
  std::vector<std::string> given_;
  std::vector<std::string> files_;
};

// The entries of an --env-file. Throws Error(invalid_argument) with FILE:LINE.
std::vector<std::string> variables_of(const std::string& text, const std::string& file);

}  // namespace unionroot::cli
