// Private to archive: keeps libarchive from changing names.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace unionroot::archive::detail {

// Names in extended headers (pax) are UTF-8, and libarchive composes them (Unicode's form C): a file whose name has
// decomposed accents would come out under another name, one whose name is not UTF-8 not at all. A header that says
// hdrcharset=BINARY has its names left alone; so this passes a tar archive on with that in every extended header, and
// all else as it is. What it cannot follow, it passes on as it is, for libarchive to judge.
class RawNames {
 public:
  // read: the next bytes, as many as wanted; fewer at the end.
  explicit RawNames(std::function<std::size_t(char* data, std::size_t wanted)> read) : read_(std::move(read)) {}

  // The next piece, valid until the next call; empty at the end. Throws what `read` throws.
  std::string_view next();

 private:
  void take(std::uint64_t size);
  void header();
  void extended_header(std::string block, std::uint64_t size);

  std::function<std::size_t(char*, std::size_t)> read_;
  std::string piece_;
  std::uint64_t data_left_ = 0;             // of the member, padding included
  std::optional<std::uint64_t> next_size_;  // of the next member, said by its extended header
  bool follows_ = true;
};

}  // namespace unionroot::archive::detail
