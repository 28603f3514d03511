// The scripts of a definition's hook-directories, run by schroot's protocol: `SCRIPT setup-start ok`.
#pragma once

#include <optional>
#include <string_view>

#include "definition/registry.h"
#include "mount/host_copy.h"
#include "session/stage.h"

namespace unionroot::session {

enum class HookStage { start, recover, stop };
std::string_view to_string(HookStage stage);  // "setup-start"

bool has_hooks(const definition::Definition& definition);

// The definition with schroot's setup.d as its first hook directory, if it is a definition of schroot's and the
// administrator has scripts there. For a session that begins: it keeps this definition. Throws as
// definition/hook_scripts.h says, with stage_failed instead of access_denied.
definition::DefinitionPtr with_setup_scripts(definition::DefinitionPtr definition,
                                             const definition::Settings& settings);

// A copy of the host's mount namespace. Scripts in it see `tree` (a detached mount) at the path of the session's view.
// The host has the folder at that path as long as this lives.
class HookSpace {
 public:
  HookSpace(Operation& operation, base::UniqueFd tree);
  HookSpace(const HookSpace&) = delete;
  HookSpace& operator=(const HookSpace&) = delete;
  ~HookSpace();
  [[nodiscard]] const mount::HostCopy& copy() const { return *copy_; }
  // Drops the copy and removes the folder, like the destructor, but throws errors.
  void close();

 private:
  Operation& operation_;
  std::optional<mount::HostCopy> copy_;
};

// An empty read-only folder for scripts when the session has no tree.
base::UniqueFd empty_tree(Operation& operation);

// Runs every script in order: first those of the first directory by name, then those of the next. `stop` uses the
// reverse order. The output of the scripts goes to the notes. start and recover end at the first failure:
// Error(stage_failed, cancelled) names the script, how it ended and its last lines of standard error. stop runs the
// other scripts too. Only a stop of the daemon interrupts it, with BrokenOff. If the session failed to begin, failures
// of stop are only notes.
// never_ran: true until the scripts are about to run; then a later tear-down has nothing to stop. If the daemon is
// killed, this value is not stored, and the scripts are run to stop.
void run_hooks(Operation& operation, HookStage stage, const HookSpace& space, bool& never_ran);

}  // namespace unionroot::session
