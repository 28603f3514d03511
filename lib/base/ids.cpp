#include "base/ids.h"

#include <sys/random.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/hex.h"

namespace unionroot::base {

namespace {

template <std::size_t Size>
std::array<std::uint8_t, Size> random_bytes() {
  std::array<std::uint8_t, Size> bytes{};
  // getrandom(2): once the pool is ready, requests of up to 256 bytes are neither shortened nor interrupted.
  check(::getrandom(bytes.data(), bytes.size(), 0), "getting random bytes");
  return bytes;
}

}  // namespace

std::string random_uuid() {
  auto bytes = random_bytes<16>();
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3F) | 0x80);
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out.push_back('-');
    append_hex(out, bytes[i]);
  }
  return out;
}

std::string random_letters() {
  static constexpr std::string_view letters = "abcdefghijkmnpqrstuvwxyz23456789";
  static_assert(letters.size() == 32);
  std::string out;
  for (const auto byte : random_bytes<8>()) out.push_back(letters[byte % letters.size()]);
  return out;
}

std::string random_token() {
  std::string out;
  for (const auto byte : random_bytes<4>()) append_hex(out, byte);
  return out;
}

}  // namespace unionroot::base
