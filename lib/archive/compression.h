// How an archive is compressed.
#pragma once

#include <optional>
#include <string_view>

namespace unionroot::archive {

enum class Compression { none, gzip, bzip2, xz, zstd, lz4 };

// By a file's name: .tar, .tar.gz, .tgz and so on; nullopt if the name does not say.
std::optional<Compression> compression_of_name(std::string_view name);

// By its first bytes; `none` for anything unknown. Throws SystemError. Leaves the offset alone.
Compression compression_of_content(int file);

}  // namespace unionroot::archive
