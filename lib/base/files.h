// Helpers for small files at paths that only root controls. For paths inside a session's tree use kernel/files.h.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace unionroot::base {

// Returns the whole file, or its first `limit` bytes. Throws SystemError.
std::string read_file(const std::string& path, std::size_t limit = std::size_t{16} << 20);

// The file `path` beneath the folder `dir`, or its first `limit` bytes. Its last component is not followed if it is a
// symbolic link. nullopt if there is no such file. Throws SystemError.
std::optional<std::string> read_file_at(int dir, const std::string& path, std::size_t limit = std::size_t{16} << 20);

// Returns nullopt if the file cannot be opened or read.
std::optional<std::string> try_read_file(const std::string& path, std::size_t limit = std::size_t{16} << 20);

// The same from an open descriptor, from its current offset.
std::string read_all(int fd, const std::string& name, std::size_t limit = std::size_t{16} << 20);

// True if both describe the same file.
inline bool is_same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// The type of a file for messages: "a folder", "a FIFO", "a block device".
std::string_view kind_of_file(mode_t mode) noexcept;

// renameat2(2) with RENAME_NOREPLACE. Returns 0 or an errno value; EEXIST if the name is taken. FUSE and network file
// systems may not support the flag. Then the name is checked before the rename, which is safe only in a folder where
// nobody else creates names.
int rename_without_replacing(int from_dir, const std::string& from, int to_dir, const std::string& to) noexcept;

// Writes all data. Throws SystemError with `name` in its message.
void write_all(int fd, std::string_view data, const std::string& name);

}  // namespace unionroot::base
