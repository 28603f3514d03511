#include "archive/raw_names.h"

#include <algorithm>
#include <cstdio>

#include "base/text.h"

namespace unionroot::archive::detail {

namespace {

// Positions in a ustar header of 512 bytes, tar(5).
constexpr std::size_t block_size = 512, size_at = 124, size_length = 12, sum_at = 148, sum_length = 8, type_at = 156;
// GNU's old format of sparse files: the flags for more blocks of the map.
constexpr std::size_t more_at = 482, more_in_map_at = 504;
constexpr std::uint64_t largest_extended_header = std::uint64_t{1} << 20;
constexpr std::string_view record = "21 hdrcharset=BINARY\n";

std::uint64_t padded(std::uint64_t size) { return (size + block_size - 1) / block_size * block_size; }

std::optional<std::uint64_t> octal(std::string_view text) {
  std::uint64_t number = 0;
  bool any = false;
  for (const char c : text) {
    if (c == ' ' && !any) continue;
    if (c == ' ' || c == '\0') break;
    if (c < '0' || c > '7') return std::nullopt;
    number = number * 8 + static_cast<std::uint64_t>(c - '0');
    any = true;
  }
  return number;
}

std::optional<std::uint64_t> size_of(const std::string& block) {
  const auto field = std::string_view(block).substr(size_at, size_length);
  if ((static_cast<unsigned char>(field.front()) & 0x80) == 0) return octal(field);
  std::uint64_t number = 0;  // GNU: binary, for numbers that are too large for octal
  for (const char c : field.substr(field.size() - 8)) number = number << 8 | static_cast<unsigned char>(c);
  return number > (std::uint64_t{1} << 62) ? std::nullopt : std::optional(number);
}

unsigned checksum(const std::string& block) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i)
    sum += i >= sum_at && i < sum_at + sum_length ? unsigned{' '} : static_cast<unsigned char>(block[i]);
  return sum;
}

// The value of a record "LENGTH size=NUMBER\n".
std::optional<std::uint64_t> size_record(std::string_view records) {
  std::optional<std::uint64_t> found;
  while (!records.empty()) {
    const auto blank = records.find(' ');
    if (blank == std::string_view::npos) break;
    const auto length = base::parse_unsigned(records.substr(0, blank));
    if (!length || *length <= blank + 1 || *length > records.size()) break;
    const auto text = records.substr(blank + 1, *length - blank - 2);
    if (text.starts_with("size=")) found = base::parse_unsigned(text.substr(5));
    records.remove_prefix(*length);
  }
  return found;
}

}  // namespace

// Appends `size` bytes; fewer at the end of the archive.
void RawNames::take(std::uint64_t size) {
  const auto before = piece_.size();
  piece_.resize(before + size);
  piece_.resize(before + read_(piece_.data() + before, size));
}

std::string_view RawNames::next() {
  constexpr std::uint64_t most = std::uint64_t{256} << 10;
  piece_.clear();
  if (!follows_) {
    take(most);
  } else if (data_left_ != 0) {
    take(std::min(data_left_, most));
    data_left_ -= std::min<std::uint64_t>(data_left_, piece_.size());
  } else {
    header();
  }
  return piece_;
}

void RawNames::header() {
  take(block_size);
  if (piece_.size() < block_size || piece_.find_first_not_of('\0') == std::string::npos) return;
  const auto size = size_of(piece_);
  const auto sum = octal(std::string_view(piece_).substr(sum_at, sum_length));
  if (!size || !sum || *sum != checksum(piece_)) {
    follows_ = false;
    return;
  }
  const char type = piece_[type_at];
  if (type == 'x' && *size <= largest_extended_header) {
    extended_header(std::move(piece_), *size);
  } else if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
    data_left_ = padded(*size);
  } else {
    // Links, devices, folders and pipes have no data, whatever size the header has.
    const bool has_data = type < '1' || type > '6';
    data_left_ = has_data ? padded(next_size_.value_or(*size)) : 0;
    next_size_.reset();
    bool more = type == 'S' && piece_[more_at] != 0;
    while (more) {
      const auto before = piece_.size();
      take(block_size);
      more = piece_.size() == before + block_size && piece_[before + more_in_map_at] != 0;
    }
  }
}

void RawNames::extended_header(std::string block, std::uint64_t size) {
  piece_.clear();
  take(padded(size));
  std::string records = std::move(piece_);
  if (records.size() < padded(size)) {  // truncated; libarchive reports it
    piece_ = block + records;
    follows_ = false;
    return;
  }
  records.resize(size);
  next_size_ = size_record(records);
  records += record;
  char text[size_length + 1];
  std::snprintf(text, sizeof text, "%011llo", static_cast<unsigned long long>(records.size()));
  block.replace(size_at, size_length, text, size_length);
  std::snprintf(text, sizeof text, "%06o", checksum(block));
  block.replace(sum_at, 7, text, 7);
  records.resize(padded(records.size()));
  piece_ = block + records;
}

}  // namespace unionroot::archive::detail
