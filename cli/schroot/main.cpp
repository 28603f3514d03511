// schroot, or dchroot if it is started by that name: schroot's commands for the sessions of unionroot.
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "cli/output.h"
#include "schroot/front.h"
#include "schroot/help.h"
#include "schroot/messages.h"

namespace {

using namespace unionroot;
using namespace unionroot::schroot;

int carry_out(bool as_dchroot, const std::vector<std::string>& words) {
  const std::string program = as_dchroot ? "dchroot" : "schroot";
  try {
    const auto line = as_dchroot ? parse_dchroot(words) : parse_schroot(words);
    for (std::size_t i = 0; i + 1 < line.warnings.size(); i += 2) {
      say_warning(line.warnings[i]);
      say_information(line.warnings[i + 1]);
    }
    if (line.action == Action::help || line.action == Action::version) {
      cli::print(line.action == Action::version ? version_text(program) : as_dchroot ? dchroot_help() : schroot_help());
      return 0;
    }
    return Front(line).run();
  } catch (const Mistake& mistake) {
    say_error(mistake.what());
    if (mistake.usage())
      say_information(base::concat("Run “", program, " --help” to list usage example and all available options"));
  } catch (const base::Error& error) {
    say_error(error.what(), error.hint());
  } catch (const std::exception& error) {
    say_error(error.what());
  }
  return failure;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    cli::open_standard_descriptors();
  } catch (const base::Error& error) {
    say_error(error.what());
    return failure;
  }
  const std::string_view path = argc > 0 ? argv[0] : "";
  return carry_out(base::file_name(path) == "dchroot", std::vector<std::string>(argv + (argc > 0), argv + argc));
}
