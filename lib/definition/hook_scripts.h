// The administrator's own scripts: which files in a hook directory are run, and in what order.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unionroot::definition {

// As run-parts(8): letters, digits, '_' and '-' alone, so that editors' and packages' left-overs are not run.
bool valid_hook_name(std::string_view name);

struct HookScripts {
  std::vector<std::string> paths;    // in the order of their names, byte by byte
  std::vector<std::string> skipped;  // "PATH: why", for people
};

// What is run as root must be root's alone: throws Error(access_denied) if anybody else owns or can write to the
// folder, a folder above it, or a script in it, or if a symbolic link leads there; Error(stage_failed) if the folder is
// missing or is none; SystemError.
HookScripts list_hook_scripts(const std::string& folder);

// Those in schroot's setup.d. Scripts of schroot's own package are left out: a session's stages do their work. A link
// to a script is followed, as in schroot; what it leads to must be root's alone too. No such folder: none.
HookScripts list_setup_scripts(const std::string& folder);

// Where schroot's scripts are, for a definition of schroot's: in its own configuration directory.
std::string setup_scripts_folder(const std::string& schroot_directory);

}  // namespace unionroot::definition
