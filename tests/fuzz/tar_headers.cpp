#include "tar_headers.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace unionroot::fuzz {

namespace {

constexpr std::size_t block = 512, size_at = 124, sum_at = 148, magic_at = 257;

std::uint64_t size_of(const std::string& text, std::size_t at) {
  return std::strtoull(text.substr(at + size_at, 12).c_str(), nullptr, 8);
}

}  // namespace

std::string with_right_sums(std::string_view input) {
  std::string text(input);
  for (std::size_t at = 0; at + block <= text.size();) {
    const auto header = std::string_view(text).substr(at, block);
    if (header.substr(magic_at, 5) != "ustar") {  // data, or the end
      at += block;
      continue;
    }
    text.replace(at + sum_at, 8, 8, ' ');
    unsigned sum = 0;
    for (std::size_t i = at; i < at + block; ++i) sum += static_cast<unsigned char>(text[i]);
    char digits[8];
    std::snprintf(digits, sizeof digits, "%06o", sum);
    text.replace(at + sum_at, 7, digits, 7);
    const auto size = size_of(text, at);
    if (size > text.size()) break;
    at += block + (size + block - 1) / block * block;
  }
  return text;
}

}  // namespace unionroot::fuzz
