// The scripts of a definition's hook-directories, run by schroot's protocol: `SCRIPT setup-start ok`.
#pragma once

#include <optional>
#include <string_view>

#include "mount/host_copy.h"
#include "session/stage.h"

namespace unionroot::session {

enum class HookStage { start, recover, stop };
std::string_view to_string(HookStage stage);  // "setup-start"

// True if the definition has any.
bool has_hooks(const definition::Definition& definition);

// A copy of the host's namespace in which scripts find `tree` (a detached mount) at the place of the session's view.
// The folder is there on the host as long as this lives.
class HookSpace {
 public:
  HookSpace(SessionContext& context, base::UniqueFd tree);
  HookSpace(const HookSpace&) = delete;
  HookSpace& operator=(const HookSpace&) = delete;
  ~HookSpace();
  [[nodiscard]] const mount::HostCopy& copy() const { return *copy_; }
  // Drops the copy and removes the folder; what the destructor does, with its errors.
  void close();

 private:
  SessionContext& context_;
  std::optional<mount::HostCopy> copy_;
};

// Where there is no tree for scripts to see: a folder that is empty and stays so.
base::UniqueFd empty_tree(SessionContext& context);

// Every script in order: of the first directory by name, then of the next; in reverse to stop. What they write goes to
// the notes. To start or recover the first that fails ends it: Error(stage_failed, cancelled) naming the script, how it
// ended and the last lines it wrote to standard error. To stop the others are run all the same, and it cannot be
// cancelled; after a failed start that some did not end well is a note.
void run_hooks(SessionContext& context, HookStage stage, const HookSpace& space, StageData& data);

// Nothing was run when it was set up, so there is nothing to stop. Said from the start, until run_hooks has looked at
// the scripts; a daemon that is killed leaves no data, and then they are stopped.
void set_never_ran(StageData& data);
bool never_ran(const StageData& data);

}  // namespace unionroot::session
