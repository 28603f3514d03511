// The compression of an archive.
#pragma once

#include <optional>
#include <string_view>

namespace unionroot::archive {

enum class Compression { none, gzip, bzip2, xz, zstd, lz4 };

// By the file's name: .tar, .tar.gz, .tgz and so on. nullopt if the name does not tell.
std::optional<Compression> compression_of_name(std::string_view name);

// By the file's first bytes; `none` for anything unknown. Throws SystemError. Does not move the file offset.
Compression compression_of_content(int file);

}  // namespace unionroot::archive
