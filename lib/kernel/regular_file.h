// The one way to a file in a tree that its users control.
#pragma once

#include <sys/stat.h>

#include <string>

#include "base/unique_fd.h"

namespace unionroot::kernel {

// An O_PATH descriptor of what `path` names beneath `root`. Symbolic links are resolved inside the tree and never lead
// out of it. Empty if the path leads nowhere: a name is missing or too long, something on the way is no folder, links
// go round in circles or are the kernel's own (ENOENT, ENAMETOOLONG, ENOTDIR, ELOOP, EXDEV).
// Throws SystemError for everything else. That includes EAGAIN, if somebody keeps renaming what lies on the way.
base::UniqueFd find_in_tree(int root, const std::string& path, int flags = 0);

struct RegularFile {
  enum class Found {
    file,
    absent,       // the path leads nowhere, see find_in_tree
    not_regular,  // a folder, FIFO, socket or device: it is not opened
  };
  Found found = Found::absent;
  base::UniqueFd descriptor = {};  // O_RDONLY
  struct stat status {};           // as it was before the file was opened
};

// Looks at the file first, and opens that very file. So nobody can put another one in its place in between, and no FIFO
// and no device is ever opened. Opening does not wait: if a process holds a lease on the file (fcntl(2), F_SETLEASE),
// this throws Error(failed) at once. Throws SystemError for whatever else goes wrong.
RegularFile open_regular_in_tree(int root, const std::string& path);

// The same for what an O_PATH descriptor refers to; `path` is for messages. Never gives `absent`.
RegularFile open_regular(int handle, const std::string& path);

}  // namespace unionroot::kernel
