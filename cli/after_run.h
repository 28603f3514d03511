// run --diff and --keep: what becomes of the session of a command's own once the command has ended.
#pragma once

#include <functional>
#include <string>

#include "cli/manager.h"

namespace CLI {
class App;
}

namespace unionroot::cli {

class AfterRun {
 public:
  void declare(CLI::App& app);
  // Whether there is anything to do: then the session is begun by begin(), and the command runs in it.
  [[nodiscard]] bool wanted() const { return !diff_.empty() || !keep_.empty(); }
  void validate(const std::string& chroot) const;  // throws UsageError

  // Its id. The daemon ends it when the manager's connection closes, unless conclude() keeps it.
  [[nodiscard]] static std::string begin(Manager& manager, const std::string& chroot, bus::Options options);
  // Shows the changes, and ends the session or keeps it. Returns the exit status.
  int conclude(Manager& manager, const std::string& session, int status) const;

 private:
  // How many there are. Throws Error.
  std::size_t show_changes(Manager& manager, const std::string& session) const;

  std::string diff_;  // "-": on standard error; else a file; empty: nowhere
  std::string keep_;  // "failed", "changed", "always"; empty: never
};

}  // namespace unionroot::cli
