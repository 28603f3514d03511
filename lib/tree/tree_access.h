// Looking at, and replacing, single files of a tree that a user controls.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace unionroot::tree {

enum class Found {
  file,
  absent,       // nothing there, or a symlink that leads nowhere
  no_folder,    // the folder that it would be in is not there
  other_mount,  // it, or its folder, lies in another mount: perhaps the host's own file
  not_a_file,   // a folder, a device, a FIFO
  too_large,
};

// For notes: "skipped: ...".
std::string_view describe(Found found);

struct TreeFile {
  Found found = Found::absent;
  bool symlink = false;  // the name itself is one; the rest is of the file that it leads to inside the tree
  std::string content;
  mode_t mode = 0;  // permissions alone
  uid_t uid = 0;
  gid_t gid = 0;
  bool is_protected = false;  // it, or its folder, is immutable or append-only (chattr(1))
  std::string version = {};   // of the name itself and of what it leads to, from before the content was read
  [[nodiscard]] bool is_writable() const { return found == Found::file || found == Found::absent; }
};

// Symlinks are resolved inside the tree and never lead into another mount. A file is written into the very folder that
// was looked at, by its descriptor, so nothing can be exchanged in between. Throws SystemError for what is not in
// Found.
class TreeAccess {
 public:
  // temporary: of kernel::write_in_tree.
  explicit TreeAccess(int root, std::string temporary = {});

  // Paths are relative to the root, without "..".
  [[nodiscard]] TreeFile read(const std::string& path);
  void write(const std::string& path, std::string_view content, mode_t mode, uid_t uid, gid_t gid);
  // The same where others write, too: nullopt, and nothing is done, if the file is not what was `read` any more. Else
  // the status of what was written (kernel::write_in_tree).
  [[nodiscard]] std::optional<struct stat> replace(const std::string& path, const TreeFile& read,
                                                   std::string_view content, mode_t mode, uid_t uid, gid_t gid);

  // A file for locks (base/file_lock.h), open for writing; made, empty and of mode 0600, if there is none. Opening it
  // waits for nobody, and follows no symlink. -1 if there is no such folder in this mount, if it is no regular file, or
  // if a process holds a lease on it.
  [[nodiscard]] base::UniqueFd open_lock(const std::string& path, bool& made);
  // So that write() can replace the file: kernel::unprotect of it and its folder.
  void unprotect(const std::string& path);

  // What a `write` of the file `path` that was broken off by a crash left, with that same `temporary`.
  void remove_half_written(const std::string& path);

  // A word that goes with a regular file, and that users of the tree can neither set nor change, but copy or lose.
  // Where the file system has no room for it, nothing is kept.
  void set_mark(const std::string& path, const std::string& mark);
  [[nodiscard]] std::string mark(const std::string& path);  // empty: none
  // What `read` would find, told from times and inode numbers alone; nullopt if they do not tell, since it has just
  // changed.
  [[nodiscard]] std::optional<std::string> version(const std::string& path);

 private:
  struct Folder {
    Found found = Found::no_folder;
    base::UniqueFd handle;
    bool is_protected = false;
  };
  Folder& folder_of(const std::string& path);
  int writable_folder_of(const std::string& path);
  TreeFile look(const std::string& path, base::UniqueFd& handle);
  base::UniqueFd regular_file(const std::string& path);

  int root_;
  std::string temporary_;
  std::uint64_t mount_;
  std::map<std::string, Folder> folders_;
};

}  // namespace unionroot::tree
