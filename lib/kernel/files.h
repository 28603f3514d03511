// Files and folders changed by descriptor: in the state directory, and inside trees that a user controls.
// Free functions with fault points; each throws SystemError.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::kernel {

base::UniqueFd open_directory(const std::string& path);  // O_PATH-less: readable, O_DIRECTORY|O_NOFOLLOW
base::UniqueFd open_directory_at(int dir, const std::string& name);
void make_directory(int dir, const std::string& name, mode_t mode);    // fails if it exists
bool ensure_directory(int dir, const std::string& name, mode_t mode);  // true if it was made
bool ensure_file(int dir, const std::string& name, mode_t mode);       // an empty one; true if it was made
void ensure_directories(const std::string& path, mode_t mode);         // mkdir -p, for our own folders
void rename_to(int from_dir, const std::string& from, int to_dir, const std::string& to);  // EEXIST if there is one
bool remove_file(int dir, const std::string& name);                                        // false if it was not there
bool remove_directory(int dir, const std::string& name);                                   // an empty one
// A hint to the file system that what the folders in this one hold has nothing in common: whatever is made in one of
// them is to lie apart from the others. Only where it helps: see the definition. Never fails.
void spread_folders(const std::string& path);
void sync_directory(int dir);  // fsync
void write_file_atomically(int dir, const std::string& name, std::string_view content, mode_t mode, bool durable);
// Whether `entry` is what a write_file_atomically of `name` that was broken off by a crash left in the folder.
bool is_left_of_write(const std::string& entry, const std::string& name);
enum class Listed { all, folders };
std::vector<std::string> list_directory(int dir, Listed which = Listed::all);  // names, without . and ..
bool exists_at(int dir, const std::string& name);

// Inside a tree that a user controls: `path` relative to `root`, resolved with openat2(RESOLVE_IN_ROOT), symlinks in
// it never leave the root; the last component is replaced, never followed.
std::optional<std::string> read_in_tree(int root, const std::string& path, std::size_t limit);
// temporary: the file's name, in the same folder, until it is whole; one that is there, of a writer that died, goes.
// Empty: a name that nobody else has. may_replace: asked right before the new file takes the name; false leaves all as
// it was, and nullopt is returned. Else the status of the new file, by its own descriptor: as it was written, whatever
// somebody made of it since.
std::optional<struct stat> write_in_tree(int root, const std::string& path, std::string_view content, mode_t mode,
                                         uid_t uid, gid_t gid, std::string temporary = {},
                                         const std::function<bool()>& may_replace = {});

// Deletes what is beneath dir/name, and it, never crossing into another mount, never following a symlink, by
// directory descriptors alone, at any depth. `stop` is asked now and then: true ends it early (false returned).
bool remove_tree(int dir, const std::string& name, const std::function<bool()>& stop = {});

}  // namespace unionroot::kernel
