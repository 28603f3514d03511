// Takes values off the front of an input. At its end all are zero and empty.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace unionroot::fuzz {

class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const { return rest_; }

  // In the machine's byte order.
  template <typename Number = std::uint8_t>
  Number number() {
    Number value{};
    const auto part = take(sizeof value);
    std::memcpy(&value, part.data(), part.size());
    return value;
  }
  // At most 255 bytes, after one that says how many.
  std::string_view text() { return take(number()); }
  // Without NUL.
  std::string word() {
    std::string word(text());
    std::erase(word, '\0');
    return word;
  }
  std::string_view take(std::size_t count) {
    const auto part = rest_.substr(0, std::min(count, rest_.size()));
    rest_.remove_prefix(part.size());
    return part;
  }

 private:
  std::string_view rest_;
};

}  // namespace unionroot::fuzz
