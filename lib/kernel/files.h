// Changes files and folders by descriptor: in the state directory, and in trees that a user controls. The functions
// have fault points, and each throws SystemError.
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

base::UniqueFd open_directory(const std::string& path);  // readable, not O_PATH; O_DIRECTORY|O_NOFOLLOW
base::UniqueFd open_directory_at(int dir, const std::string& name);
void make_directory(int dir, const std::string& name, mode_t mode);    // fails if it exists
bool ensure_directory(int dir, const std::string& name, mode_t mode);  // true if it was made
bool ensure_file(int dir, const std::string& name, mode_t mode);       // an empty file; true if it was made
void ensure_directories(const std::string& path, mode_t mode);         // as mkdir -p, for our own folders
void rename_to(int from_dir, const std::string& from, int to_dir, const std::string& to);  // EEXIST if `to` exists
bool remove_file(int dir, const std::string& name);                                        // false if it did not exist
bool remove_directory(int dir, const std::string& name);  // the same for an empty folder
// Tells the file system that the contents of this folder's subfolders are unrelated, so that it places them apart. Does
// this only where it helps, see the definition. Never fails.
void spread_folders(const std::string& path);
void sync_directory(int dir);  // fsync
void write_file_atomically(int dir, const std::string& name, std::string_view content, mode_t mode, bool durable);
// True if `entry` is a temporary file that write_file_atomically of `name` left behind in a crash.
bool is_left_of_write(const std::string& entry, const std::string& name);
enum class Listed { all, folders };
std::vector<std::string> list_directory(int dir, Listed which = Listed::all);  // names, without . and ..
bool exists_at(int dir, const std::string& name);

// For trees that a user controls. `path` is relative to `root` and is resolved with openat2(RESOLVE_IN_ROOT), so
// symbolic links never lead out of the root. Writing replaces the last component and never follows it.
std::optional<std::string> read_in_tree(int root, const std::string& path, std::size_t limit);
// `temporary`: the name of the new file, in the same folder, until it is complete. A file of that name, left by a
// writer that died, is removed first. Empty: a random name. `may_replace` is called just before the rename. If it
// returns false, the old file stays and the result is nullopt. Otherwise the result is the status of the new file as it
// was written, read by descriptor, without later changes by others.
std::optional<struct stat> write_in_tree(int root, const std::string& path, std::string_view content, mode_t mode,
                                         uid_t uid, gid_t gid, std::string temporary = {},
                                         const std::function<bool()>& may_replace = {});

// Deletes dir/name and everything beneath it, at any depth. It works by directory descriptors only, never enters
// another mount and never follows a symbolic link. `stop` is called now and then: if it returns true, the deletion ends
// early and the result is false.
bool remove_tree(int dir, const std::string& name, const std::function<bool()>& stop = {});

}  // namespace unionroot::kernel
