// unionroot: parses and dispatches. The verbs that need no daemon are in unionroot-local (see verb.h).
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "base/error.h"
#include "base/text.h"
#include "cli/dispatch.h"
#include "cli/exit_status.h"
#include "cli/output.h"

namespace {

using namespace unionroot;

// Beside this executable (the build tree), or where it is installed.
std::string local_executable() {
  constexpr std::string_view name = "/unionroot-local";
  char self[PATH_MAX];
  const auto length = base::check(::readlink("/proc/self/exe", self, sizeof self), "reading", "/proc/self/exe");
  const std::string_view path(self, static_cast<std::size_t>(length));
  auto beside = base::concat(path.substr(0, path.rfind('/')), name);
  if (::access(beside.c_str(), X_OK) == 0) return beside;
  return base::concat(UNIONROOT_LIBEXECDIR, name);
}

int execute_local(const cli::CommandLine& line) {
  std::vector<std::string> words = {"unionroot"};
  if (!line.config.empty()) words.insert(words.end(), {"--config", line.config});
  if (line.help) words.emplace_back("--help");
  words.push_back(line.verb);
  words.insert(words.end(), line.arguments.begin(), line.arguments.end());
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const auto path = local_executable();
  ::execv(path.c_str(), arguments.data());
  throw base::SystemError(errno, base::concat("starting ", path), "it belongs to unionroot: install that again");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    cli::open_standard_descriptors();
  } catch (const base::Error& error) {
    cli::print_error(error.what(), error.hint());
    return cli::failure;
  }
  return cli::dispatch(std::vector<std::string>(argv + (argc > 0), argv + argc), cli::bus_verbs(), execute_local);
}
