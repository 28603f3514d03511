// /etc/fstab on a root that is an overlay. The file was written for the lower layer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "boot/layers.h"
#include "boot/new_root.h"
#include "kernel/mounts.h"

namespace unionroot::boot {

// The fstab that is shown if changes are in memory. The root's line becomes one for the read-only root at `place`.
// Layout boundary drops all swap lines. Other layouts drop swap files only: an overlay cannot hold them. All other
// lines stay in their order. A comment says where the real file is. Pure.
std::string shown_fstab(std::string_view text, Layout layout, const std::string& place);

// The swap files that an fstab names. Pure.
std::vector<std::string> swap_files(std::string_view text);

// systemd.unit(5): "/var/swap file" -> "var-swap\x20file.swap". Pure.
std::string unit_of_path(std::string_view path, std::string_view suffix);

// Called in the new root before it becomes the root. If changes are in memory, the text above is bound over fstab, and
// the file itself stays unchanged. If changes are kept on a device, fstab is shown as it is, and systemd skips the
// units of its swap files. A read-only root shows it as it is, too. Errors are logged.
void show_fstab(kernel::Mounts& mounts, const Site& site, const std::string& run, const Laid& laid);

}  // namespace unionroot::boot
