// unionroot locks: shows who holds which source tree, who waits, and what is stale. Needs no daemon. Removes nothing.
#include <unistd.h>

#include <CLI/App.hpp>
#include <cerrno>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/lock_listing.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot locks [OPTION]...

Shows who holds which source tree: sessions that use it, changes in progress, and changes that
wait. The owner of a stale lock is gone; the next process that finds the lock removes it. The
lock of a preserved session outlives its owner. Needs no daemon.

Options:
      --json            print an object with the list "locks"
      --config FILE     the settings file
  -h, --help            show this

Examples:
  unionroot locks
  unionroot locks --json | jq '.locks[] | select(.state == "waiting")'
)";

class Locks : public Verb {
 public:
  void declare(CLI::App& app) override { app.add_flag("--json", json_); }

  int execute(const std::string& config) override {
    const auto directory = settings_for(config).state_directory + "/locks";
    std::vector<locks::LockInfo> held;
    if (::access(directory.c_str(), F_OK) == 0)
      held = locks::LockDirectory(directory).list();
    else if (errno != ENOENT)  // no folder: nothing was ever locked
      base::throw_errno("looking at", directory);
    if (json_)
      print_json(locks_json(held));
    else
      print(lock_table(held));
    return success;
  }

 private:
  bool json_ = false;
};

}  // namespace

const VerbEntry locks_verb = {"locks", "show who holds which source tree", help, Split::none, make_verb<Locks>};

}  // namespace unionroot::cli
