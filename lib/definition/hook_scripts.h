// The administrator's scripts: which files of a hook directory are run, and in what order.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unionroot::definition {

// As in run-parts(8): only letters, digits, '_' and '-'. So backup files of editors and packages are not run.
bool valid_hook_name(std::string_view name);

struct HookScripts {
  std::vector<std::string> paths;    // sorted by name, byte by byte
  std::vector<std::string> skipped;  // "PATH: why", for people
};

// Lists the scripts. Root runs them, so only root may control them. Throws Error(access_denied) if another user owns or
// can write to the folder, a folder above it, or a script, or if a symlink is on the path to the folder. Throws
// Error(stage_failed) if the folder is missing or not a folder. Throws SystemError.
HookScripts list_hook_scripts(const std::string& folder);

// Lists the scripts in schroot's setup.d. Scripts of schroot's own package are left out, because the stages of a
// session do their work. Symlinks to scripts are followed, as in schroot; only root may control the target. The result
// is empty if there is no such folder.
HookScripts list_setup_scripts(const std::string& folder);

// The folder of schroot's scripts, for definitions that come from schroot. It is in schroot's configuration directory.
std::string setup_scripts_folder(const std::string& schroot_directory);

}  // namespace unionroot::definition
