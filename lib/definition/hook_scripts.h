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

// Those in schroot's setup.d, but for the ones of schroot's own package: a session's stages do what they do. As schroot
// does, it follows a link to a script; that too must be root's alone. No such folder: none.
HookScripts list_setup_scripts(const std::string& folder);

// Where schroot's scripts are, for a definition of schroot's: in its own configuration directory.
std::string setup_scripts_folder(const std::string& schroot_directory);

}  // namespace unionroot::definition
