// /etc/fstab on a root that is an overlay: it was written for the lower layer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "boot/layers.h"
#include "boot/new_root.h"
#include "kernel/mounts.h"

namespace unionroot::boot {

// What is shown where the changes are in memory: the root's entry is one for the read-only root at `place`, and swap
// goes: all of it with layout boundary, else only files, which an overlay cannot swap to. All else stays in its order.
// A comment says where the real one is. Pure.
std::string shown_fstab(std::string_view text, Layout layout, const std::string& place);

// Swap files that an fstab names. Pure.
std::vector<std::string> swap_files(std::string_view text);

// systemd.unit(5): "/var/swap file" -> "var-swap\x20file.swap". Pure.
std::string unit_of_path(std::string_view path, std::string_view suffix);

// In the new root, before it becomes the root. In memory: the text above is bound over its fstab, and written nowhere.
// With changes that stay the fstab does too, and systemd passes over the swap files. Failures are told.
void show_fstab(kernel::Mounts& mounts, const Site& site, const std::string& run, const Laid& laid);

}  // namespace unionroot::boot
