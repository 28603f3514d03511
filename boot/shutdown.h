// The end of the machine. systemd cannot unmount the root that it runs on, so the file system of the upper layer would
// stay as after a power cut. systemd-shutdown(8) starts a program in memory for this task. It is this program.
#pragma once

#include <string>

#include "kernel/mounts.h"

namespace unionroot::boot {

// Copies this program to <run>/initramfs/shutdown, on a small tmpfs of its own: the initrd may have mounted /run with
// noexec. Does nothing if dracut unmounts the root. Errors are logged.
void prepare_shutdown(kernel::Mounts& mounts, const std::string& run);

// Whether systemd-shutdown has started this program.
bool is_shutdown(char** words);

// Unmounts everything at /oldroot, and ends the machine as words[1] says: poweroff, reboot, halt or kexec. Returns only
// if that fails.
int run_shutdown(char** words);

}  // namespace unionroot::boot
