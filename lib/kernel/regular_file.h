// The only way to open a file in a tree that its users control.
#pragma once

#include <sys/stat.h>

#include <string>

#include "base/unique_fd.h"

namespace unionroot::kernel {

// An O_PATH descriptor of what `path` names beneath `root`. Symbolic links are resolved inside the tree and never lead
// out of it. Empty if the path leads nowhere: a name is missing or too long, a component is not a folder, links form a
// loop or are links of the kernel in /proc (ENOENT, ENAMETOOLONG, ENOTDIR, ELOOP, EXDEV).
// Throws SystemError for other errors. That includes EAGAIN, if somebody keeps renaming components of the path.
base::UniqueFd find_in_tree(int root, const std::string& path, int flags = 0);

struct RegularFile {
  enum class Found {
    file,
    absent,       // the path leads nowhere, see find_in_tree
    not_regular,  // a folder, FIFO, socket or device; it is not opened
  };
  Found found = Found::absent;
  base::UniqueFd descriptor = {};  // O_RDONLY
  struct stat status {};           // as it was before the file was opened
};

// Looks at the file first, then opens exactly that file. So nobody can replace it in between, and a FIFO or a device is
// never opened. Opening does not wait: if a process holds a lease on the file (fcntl(2), F_SETLEASE), this throws
// Error(failed) at once. Throws SystemError for other errors.
RegularFile open_regular_in_tree(int root, const std::string& path);

// The same for the file of an O_PATH descriptor; `path` is for messages. Never returns `absent`.
RegularFile open_regular(int handle, const std::string& path);

}  // namespace unionroot::kernel
