#include "cli/caller.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <sstream>

#include "base/files.h"
#include "base/unique_fd.h"
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

bool in_user_namespace() {
  const auto map = base::try_read_file("/proc/self/uid_map");
  std::istringstream words(map.value_or(""));
  std::uint64_t inside = 0, outside = 0, count = 0;
  words >> inside >> outside >> count;
  return map && (inside != 0 || outside != 0 || count != 0xffffffffU);
}

bool has_controlling_terminal() { return base::UniqueFd(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)).get() >= 0; }

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
