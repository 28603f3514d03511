// What else belongs into the new root before it becomes the root: the layers where people look for them, and the mounts
// that there are.
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
// Pure.
std::vector<Shown> shown_layers(const Laid& laid);

// A place that cannot be used is told, and left out.
void show_layers(kernel::Mounts& mounts, const Site& site, const Laid& laid);

// Clones of what is mounted beneath a root, such as /usr, at the same places in the new one. Told and left out as well.
void carry_mounts(kernel::Mounts& mounts, const std::string& root, const Site& site);

// A clone of a mount, with all beneath it, on a folder of the new root.
void carry(kernel::Mounts& mounts, const std::string& from, const Site& site, const std::string& place, bool recursive);

// The new root, with all that is mounted in it, as a tree that an unmount of the stage does not change.
base::UniqueFd clone_new_root(kernel::Mounts& mounts, const Site& site);

// The programs that may be the machine's init, the most wanted first. with_initrd: init= is meant for the real root;
// else the kernel has obeyed it, and it named this program.
std::vector<std::string> inits(const Plan& plan, bool with_initrd);

// Which of these is a program in the root, and not `self`. Empty: none is.
std::string find_init(int root, const std::vector<std::string>& candidates, int self);

// Whether the path leads to this very program in the root.
bool is_program(int root, const std::string& path, int program);

}  // namespace unionroot::boot
