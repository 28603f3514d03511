// Reading small files whose path nobody but root controls. Paths inside a session's tree go through kernel/files.h.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace unionroot::base {

// The whole file, or at most `limit` bytes of it. Throws SystemError.
std::string read_file(const std::string& path, std::size_t limit = std::size_t{16} << 20);

// nullopt if it cannot be opened or read.
std::optional<std::string> try_read_file(const std::string& path, std::size_t limit = std::size_t{16} << 20);

// The same from an open descriptor, from its current offset on.
std::string read_all(int fd, const std::string& name, std::size_t limit = std::size_t{16} << 20);

// Whether both are of one file.
inline bool is_same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// "a folder", "a FIFO", "a block device": for messages about what is no regular file.
std::string_view kind_of_file(mode_t mode) noexcept;

// renameat2(2) with RENAME_NOREPLACE. FUSE and network file systems may not know the flag: then the name is looked for
// first, so this is for folders in which nobody else makes names. 0, or an errno value; EEXIST if the name is taken.
int rename_without_replacing(int from_dir, const std::string& from, int to_dir, const std::string& to) noexcept;

// Writes all of data; throws SystemError naming `name`.
void write_all(int fd, std::string_view data, const std::string& name);

}  // namespace unionroot::base
