#include "archive/compression.h"

#include <unistd.h>

#include <cstddef>

#include "base/error.h"

namespace unionroot::archive {

std::optional<Compression> compression_of_name(std::string_view name) {
  struct Ending {
    std::string_view text;
    Compression compression;
  };
  static constexpr Ending endings[] = {
      {".tar", Compression::none},      {".tar.gz", Compression::gzip}, {".tgz", Compression::gzip},
      {".tar.bz2", Compression::bzip2}, {".tbz2", Compression::bzip2},  {".tbz", Compression::bzip2},
      {".tar.xz", Compression::xz},     {".txz", Compression::xz},      {".tar.zst", Compression::zstd},
      {".tzst", Compression::zstd},     {".tar.lz4", Compression::lz4}, {".tlz4", Compression::lz4}};
  for (const auto& ending : endings)
    if (name.size() > ending.text.size() && name.ends_with(ending.text)) return ending.compression;
  return std::nullopt;
}

Compression compression_of_content(int file) {
  using namespace std::literals;
  struct Magic {
    std::string_view bytes;
    Compression compression;
  };
  static constexpr Magic magics[] = {{"\x1f\x8b"sv, Compression::gzip},
                                     {"BZh"sv, Compression::bzip2},
                                     {"\xfd"
                                      "7zXZ\0"sv,
                                      Compression::xz},
                                     {"\x28\xb5\x2f\xfd"sv, Compression::zstd},
                                     {"\x04\x22\x4d\x18"sv, Compression::lz4}};
  char start[6];
  const auto got = base::check(::pread(file, start, sizeof start, 0), "reading the archive's first bytes");
  const std::string_view content(start, static_cast<std::size_t>(got));
  for (const auto& magic : magics)
    if (content.starts_with(magic.bytes)) return magic.compression;
  return Compression::none;
}

}  // namespace unionroot::archive
