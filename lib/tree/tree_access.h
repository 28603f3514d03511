// Reads and replaces single files of a tree that a user controls.
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
  absent,       // nothing is there, or a symlink that leads to no usable file
  no_folder,    // its folder does not exist
  other_mount,  // the file or its folder is in another mount: perhaps the host's own file
  not_a_file,   // a folder, a device, a FIFO
  too_large,
};

// Text for notes: "skipped: ...".
std::string_view describe(Found found);

struct TreeFile {
  Found found = Found::absent;
  bool symlink = false;  // the name is a symlink; the other members describe its target inside the tree
  std::string content;
  mode_t mode = 0;  // permissions only
  uid_t uid = 0;
  gid_t gid = 0;
  bool is_protected = false;  // the file or its folder is immutable or append-only (chattr(1))
  std::string version = {};   // of the name and of the symlink's target, taken before the content was read
  [[nodiscard]] bool is_writable() const { return found == Found::file || found == Found::absent; }
};

// Symlinks are resolved inside the tree. Files in another mount are never read or written. A file is written through
// the descriptor of the folder that was examined, so nobody can exchange the folder in between. Throws SystemError for
// any error that Found does not list.
class TreeAccess {
 public:
  // temporary: as for kernel::write_in_tree.
  explicit TreeAccess(int root, std::string temporary = {});

  // Paths are relative to the root, without "..".
  [[nodiscard]] TreeFile read(const std::string& path);
  void write(const std::string& path, std::string_view content, mode_t mode, uid_t uid, gid_t gid);
  // As write(), for a tree that others write to as well. Does nothing and returns nullopt if the file has changed since
  // `read`. Else returns the status of the new file (kernel::write_in_tree).
  [[nodiscard]] std::optional<struct stat> replace(const std::string& path, const TreeFile& read,
                                                   std::string_view content, mode_t mode, uid_t uid, gid_t gid);

  // Opens a file for locks (base/file_lock.h), for writing. Creates it, empty and with mode 0600, if it is missing.
  // Never blocks and follows no symlink. Returns -1 if the folder does not exist in this mount, if the name is no
  // regular file, or if a process holds a lease on it.
  [[nodiscard]] base::UniqueFd open_lock(const std::string& path, bool& made);
  // Calls kernel::unprotect for the file and its folder, so that write() can replace the file.
  void unprotect(const std::string& path);

  // Removes the temporary file that an interrupted write() of `path` left. Needs the same `temporary`.
  void remove_half_written(const std::string& path);

  // Stores a text in an extended attribute of a regular file. Users of the tree can neither set nor change it; they can
  // copy or lose it. If the file system cannot store it, nothing is stored.
  void set_mark(const std::string& path, const std::string& mark);
  [[nodiscard]] std::string mark(const std::string& path);  // empty: none
  // Identifies what read() would find, from times and inode numbers only. nullopt if the file changed so recently that
  // its times prove nothing.
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
