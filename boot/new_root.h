// Completes the new root before it becomes the root: the layers are shown where people look for them, and existing
// mounts are carried over.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "boot/layers.h"

namespace unionroot::boot {

struct Shown {
  std::string source;  // relative to Site::run: "lower", "rw/upper"
  std::string place;   // in the new root
};
// Where the layers are shown in this layout. Pure.
std::vector<Shown> shown_layers(const Laid& laid);

// Mounts the layers at these places. A place that cannot be used is logged and left out.
void show_layers(kernel::Mounts& mounts, const Site& site, const Laid& laid);

// Clones the mounts beneath a root, such as /usr, to the same places in the new root. Mounts that cannot be cloned are
// logged and left out.
void carry_mounts(kernel::Mounts& mounts, const std::string& root, const Site& site);

// Clones a mount to a folder of the new root. recursive: with all mounts beneath it. Errors are logged.
void carry(kernel::Mounts& mounts, const std::string& from, const Site& site, const std::string& place, bool recursive);

// A clone of the new root and of all mounts in it. An unmount of the stage does not change the clone.
base::UniqueFd clone_new_root(kernel::Mounts& mounts, const Site& site);

// The programs that may be the machine's init, in the order of preference. with_initrd: init= names a program of the
// real root. Otherwise the kernel has followed init=, and it named this program.
std::vector<std::string> inits(const Plan& plan, bool with_initrd);

// The first of these that is an executable file in the root, and not `self`. Empty: none is. self: a descriptor, or -1.
std::string find_init(int root, const std::vector<std::string>& candidates, int self);

// Whether the path in the root leads to the file of the descriptor `program`. False if `program` is negative.
bool is_program(int root, const std::string& path, int program);

}  // namespace unionroot::boot
