// Reading small files whose path nobody but root controls. Paths inside a session's tree go through kernel/files.h.
#pragma once

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

// Writes all of data; throws SystemError naming `name`.
void write_all(int fd, std::string_view data, const std::string& name);

}  // namespace unionroot::base
