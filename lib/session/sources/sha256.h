// SHA-256, by Nettle, which libarchive stands on anyway.
#pragma once

#include <nettle/sha2.h>

#include <string>
#include <string_view>

namespace unionroot::session {

class Sha256 {
 public:
  Sha256() { ::sha256_init(&state_); }
  void add(std::string_view data) {
    ::sha256_update(&state_, data.size(), reinterpret_cast<const std::uint8_t*>(data.data()));
  }

  // In lower-case hexadecimal digits. Begins anew.
  std::string digest() {
    static constexpr char digits[] = "0123456789abcdef";
    std::uint8_t bytes[SHA256_DIGEST_SIZE];
    ::sha256_digest(&state_, sizeof bytes, bytes);
    std::string text;
    for (const auto byte : bytes) {
      text += digits[byte >> 4];
      text += digits[byte & 15];
    }
    return text;
  }

 private:
  sha256_ctx state_{};
};

inline std::string sha256_of(std::string_view data) {
  Sha256 sum;
  sum.add(data);
  return sum.digest();
}

}  // namespace unionroot::session
