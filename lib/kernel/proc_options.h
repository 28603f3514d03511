// Which processes the host's /proc hides, so that another instance of proc hides the same.
#pragma once

#include <string_view>

#include "kernel/mounts.h"

namespace unionroot::kernel {

// The options hidepid, gid and subset (proc(5)) of the file system at the calling thread's /proc, as far as they are
// set. Empty if it is not a proc. Throws SystemError, or Error if the thread's own mount table lacks the mount.
MountOptions proc_options();

// The same from the super options of a mountinfo line. Makes no system calls.
MountOptions proc_options_in(std::string_view super_options);

// Returns `options`, and those options of `host` whose names are not in `options`.
MountOptions with_options_of(MountOptions options, const MountOptions& host);

}  // namespace unionroot::kernel
