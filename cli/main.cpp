// unionroot: parses and dispatches.
#include "base/error.h"
#include "cli/dispatch.h"
#include "cli/exit_status.h"
#include "cli/output.h"

int main(int argc, char** argv) {
  using namespace unionroot;
  try {
    cli::open_standard_descriptors();
  } catch (const base::Error& error) {
    cli::print_error(error.what(), error.hint());
    return cli::failure;
  }
  return cli::dispatch(std::vector<std::string>(argv + (argc > 0), argv + argc));
}
