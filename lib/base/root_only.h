// Folders that only root can change or replace, and configuration that root wrote.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::base {

// Which symbolic links are followed. of_root: links owned by root, except as the last component. of_root_to_the_end:
// the last component too. Then the caller must continue with the real path, or one folder with two names would be
// managed twice.
enum class Links { refused, of_root, of_root_to_the_end };

struct RootOnly {
  UniqueFd folder;     // O_PATH; empty if it does not exist or others than root can change it. From open_configuration
                       // it is the file or folder at the end of the path
  UniqueFd above;      // if problem is ENOENT: the folder in which the component is missing
  int problem = 0;     // errno of the component that could not be opened: ENOENT, ENOTDIR, ELOOP ...
  std::string part;    // path of the component that was refused or could not be opened
  std::string why;     // if problem is 0: why it is refused, "is owned by uid 33, not by root"
  std::string remedy;  // if problem is 0: "chown root:root /srv/layers"
  std::vector<std::string> links;  // paths of the symbolic links that were followed
};

// Opens an absolute path component by component, because whoever can change a folder on the way could replace the last
// one. Each folder must be owned by root and not be writable by others. A folder on the way may be writable if root
// owns it and it is sticky: others cannot rename or remove root's entries in it (unlink(2), EPERM). `also`: a second
// permitted owner. Throws SystemError only if a system call fails unexpectedly.
RootOnly open_root_only(const std::string& path, Links links, uid_t also = 0);

// Opens a file or folder of configuration component by component. Root's symbolic links are followed, also as the last
// component. The file or folder at the end must satisfy not_configuration. If a link was followed, each component must
// satisfy it, except sticky folders. Without a link only the end is checked, because the administrator chose the path.
RootOnly open_configuration(const std::string& path);

// Why an open file or folder of configuration is not trusted; empty if it is trusted. Root must own it. Only root and
// the members of the group root may write to it; the members are trusted like root. `descriptor` may be O_PATH.
std::string not_configuration(int descriptor, const struct stat& facts, const std::string& path, std::string& remedy);

// Why the file or folder can be changed by others than root; empty if it cannot. `remedy`: what to do.
std::string not_root_only(const struct stat& facts, const std::string& path, std::string& remedy, uid_t also = 0);

}  // namespace unionroot::base
