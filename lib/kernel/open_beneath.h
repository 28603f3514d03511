// openat2(2), which glibc 2.36 does not wrap.
#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.h"

namespace unionroot::kernel {

// Returns the descriptor, or -1 with errno. Adds O_CLOEXEC. Tries again on EAGAIN (a race with a rename or mount,
// openat2(2)), a limited number of times.
int try_open_beneath(int root, const std::string& path, int flags, unsigned mode, std::uint64_t resolve);

// The same; throws SystemError("opening <path>").
base::UniqueFd open_beneath(int root, const std::string& path, int flags, unsigned mode, std::uint64_t resolve);

// RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: for paths in a tree that others control.
extern const std::uint64_t resolve_in_root;
// RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS: no component of the path may be a link.
extern const std::uint64_t resolve_as_named;

}  // namespace unionroot::kernel
