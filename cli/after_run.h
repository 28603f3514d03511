// run --diff and --keep: what happens to a command's own session after the command.
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
  // True if --diff or --keep was given. Then begin() begins the session, and the command runs in it.
  [[nodiscard]] bool wanted() const { return !diff_.empty() || !keep_.empty(); }
  void validate(const std::string& chroot) const;  // throws UsageError

  // Returns the session's id. The daemon ends the session when the manager's connection closes, unless conclude() keeps
  // it.
  [[nodiscard]] static std::string begin(Manager& manager, const std::string& chroot, bus::Options options);
  // Shows the changes, and ends the session or keeps it. Returns the exit status.
  int conclude(Manager& manager, const std::string& session, int status) const;

 private:
  // Returns the number of changes. Throws Error.
  std::size_t show_changes(Manager& manager, const std::string& session) const;

  std::string diff_;  // "-": on standard error; else a file; empty: nowhere
  std::string keep_;  // "failed", "changed", "always"; empty: never
};

}  // namespace unionroot::cli
