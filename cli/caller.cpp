#include "cli/caller.h"

#include <unistd.h>

#include <cstdlib>

#include "terminal/relay.h"

extern "C" char** environ;

namespace unionroot::cli {

std::vector<std::string> own_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  return variables;
}

std::string working_directory() {
  char* const name = ::get_current_dir_name();
  if (name == nullptr) return {};
  std::string directory(name);
  std::free(name);
  return directory.starts_with('/') ? directory : std::string();
}

void add_terminal(bus::Options& options, bool on_terminal) {
  const char* const type = std::getenv("TERM");
  if (type != nullptr && *type != '\0') options.emplace_back("term", bus::Bytes{type});
  if (!on_terminal) return;
  options.emplace_back("terminal", true);
  const auto size = terminal::window_size();
  options.emplace_back("rows", size.rows);
  options.emplace_back("columns", size.columns);
}

}  // namespace unionroot::cli
