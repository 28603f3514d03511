// Folders that nobody but root can change, nor put another in the place of.
#pragma once

#include <sys/stat.h>

#include <string>

#include "base/unique_fd.h"

namespace unionroot::base {

// Symbolic links on the way: none, or those that root made where nobody else can make one. The last part is never one:
// what has two names would be looked after twice.
enum class Links { refused, of_root };

struct RootOnly {
  UniqueFd folder;     // O_PATH; empty if there is no such folder, or it is not root's alone
  UniqueFd above;      // problem is ENOENT: the folder that has no such part
  int problem = 0;     // errno of the part that could not be opened: ENOENT, ENOTDIR, ELOOP ...
  std::string part;    // the part of the path in question
  std::string why;     // problem is 0: "is owned by uid 33, not by root"
  std::string remedy;  // problem is 0: "chown root:root /srv/layers"
};

// Opens an absolute path part by part: whoever can change a folder on the way could put another in the place of the
// last. Each has to be root's and not writable by others. One on the way may be so and sticky: what is root's in it
// nobody else can rename or remove (unlink(2), EPERM). also: whose it may be as well. Throws SystemError only where the
// kernel fails.
RootOnly open_root_only(const std::string& path, Links links, uid_t also = 0);

// Why that file or folder is not root's alone; empty: it is. remedy: what to do.
std::string not_root_only(const struct stat& facts, const std::string& path, std::string& remedy, uid_t also = 0);

}  // namespace unionroot::base
