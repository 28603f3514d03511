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

// True if the definition has any.
bool has_hooks(const definition::Definition& definition);

// The definition with schroot's setup.d among its hook-directories, first, if it is schroot's and there are scripts of
// the administrator's. For a session that begins: what it has stays so. Throws as definition/hook_scripts.h.
definition::DefinitionPtr with_setup_scripts(definition::DefinitionPtr definition,
                                             const definition::Settings& settings);

// A copy of the host's namespace in which scripts find `tree` (a detached mount) at the place of the session's view.
// The folder is there on the host as long as this lives.
class HookSpace {
 public:
  HookSpace(Operation& operation, base::UniqueFd tree);
  HookSpace(const HookSpace&) = delete;
  HookSpace& operator=(const HookSpace&) = delete;
  ~HookSpace();
  [[nodiscard]] const mount::HostCopy& copy() const { return *copy_; }
  // Drops the copy and removes the folder; what the destructor does, with its errors.
  void close();

 private:
  Operation& operation_;
  std::optional<mount::HostCopy> copy_;
};

// Where there is no tree for scripts to see: a folder that is empty and stays so.
base::UniqueFd empty_tree(Operation& operation);

// Every script in order: of the first directory by name, then of the next; in reverse to stop. What they write goes to
// the notes. To start or recover the first that fails ends it: Error(stage_failed, cancelled) naming the script, how it
// ended and the last lines it wrote to standard error. To stop the others are run all the same, and it cannot be
// cancelled; after a failed start that some did not end well is a note.
// never_ran: true until the scripts are looked at, so that a tear-down after that has nothing to stop. A daemon that is
// killed leaves no data, and then they are stopped.
void run_hooks(Operation& operation, HookStage stage, const HookSpace& space, bool& never_ran);

}  // namespace unionroot::session
