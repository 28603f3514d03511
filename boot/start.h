// The ways to start the program, and what they share.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "boot/layers.h"
#include "boot/plan.h"
#include "kernel/mounts.h"

namespace unionroot::boot {

constexpr const char* run_folder = "/run/unionroot/boot";
constexpr const char* status_file = "/run/unionroot/boot/status";

// Runs as the first process: from an initial file system in memory, or as init= of a kernel that mounted the root
// itself. Becomes the machine's init. Returns only if no init can be started.
int run_as_init(char** arguments);

// `unionroot-boot lay ROOT`: for an initrd that has mounted the root at ROOT. Mounts an overlay in its place.
int run_lay(const std::string& root);

// Who mounts the root. root= and rootfstype= are for that program, and may have values that only it knows.
enum class RootMounter { this_program, another };

// Makes the plan from the kernel's command line and from the configuration in a tree. tree: a descriptor; -1: no tree
// is mounted yet. Errors in either become problems of the plan.
Plan read_plan(int tree, RootMounter mounter);

// Logs what is wrong with the plan. Turns on debug messages if the plan asks for them.
void tell_plan(const Plan& plan);

SettingsOfFile read_configuration(int tree);

// Makes the superblock of the mount at `path` read-only. Errors are logged.
void make_read_only(kernel::Mounts& mounts, const std::string& path);

// A detached, read-only clone of the mount of a tree. Throws Error.
base::UniqueFd lower_of(kernel::Mounts& mounts, int tree, const Plan& plan);

// Calls lay_layers() for a root in which one of the candidates can be started as init. If only the lower layer is
// mounted, its device is locked.
Laid lay_for_init(kernel::Mounts& mounts, const Site& site, const Plan& plan, const base::UniqueFd& lower,
                  const std::vector<std::string>& candidates);

// Logs what the root is now.
void tell_laid(const Laid& laid);

// This program's file, with O_PATH; empty if /proc/self/exe cannot be opened.
base::UniqueFd this_program();

}  // namespace unionroot::boot
