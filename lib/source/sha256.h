// SHA-256 by Nettle. libarchive depends on Nettle anyway.
#pragma once

#include <nettle/sha2.h>

#include <string>
#include <string_view>

#include "base/hex.h"

namespace unionroot::source {

class Sha256 {
 public:
  Sha256() { ::sha256_init(&state_); }
  void add(std::string_view data) {
    ::sha256_update(&state_, data.size(), reinterpret_cast<const std::uint8_t*>(data.data()));
  }

  // Returns lower-case hexadecimal digits and resets the state.
  std::string digest() {
    std::uint8_t bytes[SHA256_DIGEST_SIZE];
    ::sha256_digest(&state_, sizeof bytes, bytes);
    return base::to_hex(std::string_view(reinterpret_cast<const char*>(bytes), sizeof bytes));
  }

 private:
  sha256_ctx state_{};
};

inline std::string sha256_of(std::string_view data) {
  Sha256 sum;
  sum.add(data);
  return sum.digest();
}

}  // namespace unionroot::source
