// The end of the machine: systemd cannot unmount the root that it runs on, so the file system beneath its upper layer
// would be left as after a power cut. It hands on to a program in memory (systemd-shutdown(8)), which is this one.
#pragma once

#include <string>

#include "kernel/mounts.h"

namespace unionroot::boot {

// Puts this program at <run>/initramfs/shutdown, on a small file system in memory of its own: the initrd's /run may
// forbid programs. Failures are told.
void prepare_shutdown(kernel::Mounts& mounts, const std::string& run);

// Whether systemd-shutdown has started this program.
bool is_shutdown(char** words);

// Unmounts what there was, and ends the machine as words[1] says: poweroff, reboot, halt, kexec.
int run_shutdown(char** words);

}  // namespace unionroot::boot
