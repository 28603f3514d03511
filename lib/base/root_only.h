// Folders that nobody but root can change, nor put another in the place of; and configuration that root wrote.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::base {

// Symbolic links on the way: none, or those that root made where nobody else can make one. The last part is one with
// of_root_to_the_end alone: what has two names would be looked after twice, unless the caller goes on with the real
// one.
enum class Links { refused, of_root, of_root_to_the_end };

struct RootOnly {
  UniqueFd folder;     // O_PATH; empty if there is no such folder, or it is not root's alone; of open_configuration:
                       // what is at the end of the way
  UniqueFd above;      // problem is ENOENT: the folder that has no such part
  int problem = 0;     // errno of the part that could not be opened: ENOENT, ENOTDIR, ELOOP ...
  std::string part;    // the part of the path in question
  std::string why;     // problem is 0: "is owned by uid 33, not by root"
  std::string remedy;  // problem is 0: "chown root:root /srv/layers"
  std::vector<std::string> links;  // the symbolic links that were followed, each by the path that it has
};

// Opens an absolute path part by part: whoever can change a folder on the way could put another in the place of the
// last. Each has to be root's and not writable by others. One on the way may be so and sticky: what is root's in it
// nobody else can rename or remove (unlink(2), EPERM). also: whose it may be as well. Throws SystemError only where the
// kernel fails.
RootOnly open_root_only(const std::string& path, Links links, uid_t also = 0);

// Opens a file or folder of configuration part by part. Symbolic links of root are followed, the last part too. The end
// has to be as not_configuration wants it. Once a link was followed, so has every part of the way, sticky folders
// excepted; without a link only the end counts: the path is the administrator's own.
RootOnly open_configuration(const std::string& path);

// Why an open file or folder of configuration is not to be believed; empty: it is. It has to be root's. Of others none
// but the members of the group root may write to it: they are trusted as root is. descriptor: may be O_PATH.
std::string not_configuration(int descriptor, const struct stat& facts, const std::string& path, std::string& remedy);

// Why that file or folder is not root's alone; empty: it is. remedy: what to do.
std::string not_root_only(const struct stat& facts, const std::string& path, std::string& remedy, uid_t also = 0);

}  // namespace unionroot::base
