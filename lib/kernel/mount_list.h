// The mounts of the calling thread's namespace, by listmount(2) and statmount(2). These are Linux 6.8; the source of a
// mount came with 6.13. They cost about 1 us a mount. Older kernels have mountinfo alone (mountinfo.h).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernel/mountinfo.h"

namespace unionroot::kernel {

// The unique ids of all mounts, in ascending order. The kernel never uses a unique id again.
// nullopt if the kernel has no such call, or a seccomp filter refuses it.
std::optional<std::vector<std::uint64_t>> list_mounts();

enum class MountAnswer { found, gone, not_told };

// Fills `mount` if the answer is found. gone: the namespace has no such mount (any more). not_told: the kernel does not
// give all the fields of a Mount.
MountAnswer look_at_mount(std::uint64_t unique_id, Mount& mount);

// The mount that the descriptor is on. nullopt if it is not in the calling thread's namespace, or if the kernel does
// not tell. Falls back to mountinfo. The file system is not asked. Throws SystemError.
std::optional<Mount> mount_of(int descriptor);

}  // namespace unionroot::kernel
