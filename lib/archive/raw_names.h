// Private to archive: keeps libarchive from changing names.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace unionroot::archive::detail {

// Names in extended headers (pax) are UTF-8, and libarchive composes them (Unicode form C). A name with decomposed
// accents would change, and a file whose name is not UTF-8 would not be made. libarchive leaves the names of a header
// with the record hdrcharset=BINARY unchanged. So this filter adds the record to every extended header of a tar
// archive. Everything else passes unchanged. A part that this filter cannot parse is left to libarchive.
class RawNames {
 public:
  // `read`: the next bytes, as many as wanted; fewer only at the end.
  explicit RawNames(std::function<std::size_t(char* data, std::size_t wanted)> read) : read_(std::move(read)) {}

  // The next piece, valid until the next call; empty at the end. Throws what `read` throws.
  std::string_view next();

 private:
  void take(std::uint64_t size);
  void header();
  void extended_header(std::string block, std::uint64_t size);

  std::function<std::size_t(char*, std::size_t)> read_;
  std::string piece_;
  std::uint64_t data_left_ = 0;             // data of the member that is still to come, with padding
  std::optional<std::uint64_t> next_size_;  // size of the next member, by its extended header
  bool follows_ = true;
};

}  // namespace unionroot::archive::detail
