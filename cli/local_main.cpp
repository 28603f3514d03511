// unionroot-local: the verbs that need no daemon. unionroot executes it with its own words.
#include "base/error.h"
#include "base/text.h"
#include "cli/dispatch.h"
#include "cli/exit_status.h"
#include "cli/output.h"

namespace {

using namespace unionroot;

int not_here(const cli::CommandLine& line) {
  throw base::Error(base::ErrorCode::not_supported, base::concat("the verb ", line.verb, " is missing here"),
                    "unionroot and unionroot-local are of different versions: install them again");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    cli::open_standard_descriptors();
  } catch (const base::Error& error) {
    cli::print_error(error.what(), error.hint());
    return cli::failure;
  }
  return cli::dispatch(std::vector<std::string>(argv + (argc > 0), argv + argc), cli::local_verbs(), not_here);
}
