// The ways in which the program is started.
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

// As the first process: of an initial file system in memory, or as init= of a kernel that mounted the root itself.
// Becomes the machine's init; returns only if there is none.
int run_as_init(char** arguments);

// `unionroot-boot lay ROOT`: from an initrd that has mounted the root there, and mounts an overlay in its place.
int run_lay(const std::string& root);

// Who mounts the root. root= and rootfstype= are whoever's who does, and may be words that only he knows.
enum class RootMounter { this_program, another };

// The plan of the kernel's command line and of the configuration in a tree, if there is one by now. What is wrong with
// either is in it.
Plan read_plan(int tree, RootMounter mounter);

// To the console and the log: what is wrong with it. Sets how much is told from then on.
void tell_plan(const Plan& plan);

SettingsOfFile read_configuration(int tree);

// The superblock of the mount at `path` is made read-only. What keeps it from that is told.
void make_read_only(kernel::Mounts& mounts, const std::string& path);

// A detached, read-only mount of a tree that is mounted.
base::UniqueFd lower_of(kernel::Mounts& mounts, int tree, const Plan& plan);

// lay_layers() for a root in which one of these programs can be started as init. The device of a lower layer that is
// the root alone is locked.
Laid lay_for_init(kernel::Mounts& mounts, const Site& site, const Plan& plan, const base::UniqueFd& lower,
                  const std::vector<std::string>& candidates);

// To the console and the log: what the root is now.
void tell_laid(const Laid& laid);

// This program's file; empty if /proc does not tell.
base::UniqueFd this_program();

}  // namespace unionroot::boot
