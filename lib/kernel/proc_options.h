// What the host's /proc hides, so that another instance of it hides the same.
#pragma once

#include <string_view>

#include "kernel/mounts.h"

namespace unionroot::kernel {

// The options hidepid, gid and subset of what is mounted at /proc of the calling thread, as far as they are set
// (proc(5)); none if that is no proc. Throws SystemError, or Error if the thread's own mount table does not have it.
MountOptions proc_options();

// The same from the super options of a line of mountinfo. Pure.
MountOptions proc_options_in(std::string_view super_options);

// `options`, and those of `host` whose names are not among them.
MountOptions with_options_of(MountOptions options, const MountOptions& host);

}  // namespace unionroot::kernel
